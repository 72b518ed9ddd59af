import type { TlsSettings } from './kafka-settings.ts'
import { integerSetting } from './properties.ts'
import { ToolFailure, unsupportedSetting } from './tool-failure.ts'

/** How to reach a schema registry, out of the properties of Confluent's serializers. */
export interface RegistrySettings {
  /** In order of preference; user info may be inside. */
  urls: string[]
  credentials: { kind: 'none' | 'url' } | { kind: 'basic'; userInfo: string } | { kind: 'bearer'; token: string }
  /** Further headers (`request.header.X`). */
  headers: Record<string, string>
  tls: TlsSettings | undefined
  maxRetries: number
  retriesWaitMs: number
  retriesMaxWaitMs: number
  /** Milliseconds without an answer until a request fails. */
  timeoutMs: number
}

/** Properties that change what Confluent's serializers do and are not built here. A false or empty value is no wish. */
const unsupported = ['proxy.host', 'rule.executors', 'rule.actions', 'context.name.strategy', 'schema.registry.ssl.engine.factory.class']

/**
 * Reads `schema.registry.url`, `basic.auth.*` (also with the prefix `schema.registry.`), `bearer.auth.*`, `schema.registry.ssl.*`, `max.retries`,
 * `retries.*`, `http.*.timeout.ms`, `request.header.*`. As in 7.6, user info in the URL counts only with `basic.auth.credentials.source=URL`
 * given, and an unknown source sends no credentials.
 */
export async function registrySettings(properties: ReadonlyMap<string, string>): Promise<RegistrySettings> {
  for (const name of unsupported) {
    const value = properties.get(name)?.trim()
    if (value && !value.endsWith('.NullContextNameStrategy')) throw unsupportedSetting(name, value)
  }
  const given = properties.get('schema.registry.url')
  if (given === undefined) {
    const message = 'Missing required configuration "schema.registry.url" which has no default value.'
    throw new ToolFailure('start', { type: 'org.apache.kafka.common.config.ConfigException', message })
  }
  const urls = given
    .split(',')
    .map((url) => url.trim())
    .filter((url) => url !== '')
  if (urls.length === 0) {
    throw new ToolFailure('start', { type: 'java.lang.IllegalArgumentException', message: 'Expected at least one URL to be passed in constructor' })
  }
  for (const url of urls) checkUrl(url)
  const headers: Record<string, string> = {}
  for (const [name, value] of properties) {
    if (name.startsWith('request.header.')) headers[name.slice('request.header.'.length).toLowerCase()] = value
  }
  const credentials = credentialsOf(properties)
  const secure = urls.some((url) => url.startsWith('https:'))
  const { tlsSettings } = secure ? await import('./kafka-settings.ts') : { tlsSettings: undefined }
  return {
    urls,
    credentials,
    headers,
    tls: await tlsSettings?.(properties, 'schema.registry.'),
    maxRetries: integerSetting(properties, 'max.retries', 3),
    retriesWaitMs: integerSetting(properties, 'retries.wait.ms', 1000),
    retriesMaxWaitMs: integerSetting(properties, 'retries.max.wait.ms', 20_000),
    timeoutMs: integerSetting(properties, 'http.read.timeout.ms', 60_000),
  }
}

function checkUrl(url: string): void {
  if (url.startsWith('mock://')) throw unsupportedSetting('schema.registry.url', url, 'mock registries live inside a Java process')
  if (/^https?:\/\/./i.test(url) && URL.canParse(url)) return
  const message = `Invalid schema registry url ${url.replace(/\/\/[^/@]*@/, '//')}`
  throw new ToolFailure('start', { type: 'java.net.MalformedURLException', message })
}

function credentialsOf(properties: ReadonlyMap<string, string>): RegistrySettings['credentials'] {
  const either = (name: string) => properties.get(name) ?? properties.get(`schema.registry.${name}`)
  const basic = either('basic.auth.credentials.source')
  const bearer = properties.get('bearer.auth.credentials.source')
  if (basic && bearer) {
    const message = "Only one of 'basic.auth.credentials.source' and 'bearer.auth.credentials.source' may be specified"
    throw new ToolFailure('start', { type: 'org.apache.kafka.common.config.ConfigException', message })
  }
  if (bearer) {
    if (bearer !== 'STATIC_TOKEN') throw unsupportedSetting('bearer.auth.credentials.source', bearer, 'STATIC_TOKEN is')
    return { kind: 'bearer', token: properties.get('bearer.auth.token') ?? '' }
  }
  if (basic === 'URL') return { kind: 'url' }
  if (basic === 'SASL_INHERIT') throw unsupportedSetting('basic.auth.credentials.source', basic, 'USER_INFO and URL are')
  if (basic !== 'USER_INFO') return { kind: 'none' }
  const userInfo = properties.get('schema.registry.basic.auth.user.info') ?? properties.get('basic.auth.user.info')
  if (userInfo) return { kind: 'basic', userInfo }
  const message = 'UserInfo must be provided when basic.auth.credentials.source is set to USER_INFO'
  throw new ToolFailure('start', { type: 'org.apache.kafka.common.config.ConfigException', message })
}
