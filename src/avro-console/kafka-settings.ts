import { loadPem, type PemFiles, refuseStore } from './pem-files.ts'
import { ToolFailure, unsupportedSetting } from './tool-failure.ts'

/** How to reach a Kafka cluster, out of Java client properties. */
export interface KafkaSettings {
  /** `host:port`, at least one. */
  bootstrapServers: string[]
  clientId: string
  /** Milliseconds that one request may take (`request.timeout.ms`, 30 s). */
  requestTimeoutMs: number
  sasl?: { mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'; username: string; password: string }
  tls?: TlsSettings
}

export interface TlsSettings extends PemFiles {
  /** False only with an empty `ssl.endpoint.identification.algorithm`: the certificate may then be of another host. */
  checkHost: boolean
}

/** Classes that would run inside a Java client; there is no Java here. */
const javaClasses = [
  'interceptor.classes',
  'metric.reporters',
  'sasl.client.callback.handler.class',
  'sasl.login.callback.handler.class',
  'sasl.login.class',
  'security.providers',
  'ssl.engine.factory.class',
]

/**
 * Java client properties → settings: `bootstrap.servers`, `client.id`, `request.timeout.ms`, `security.protocol`, `sasl.mechanism`, `sasl.jaas.config`
 * and `ssl.*` with PEM stores. What cannot be honoured is an error that names the property; tuning of Java's own buffers is left alone.
 */
export async function kafkaSettings(properties: ReadonlyMap<string, string>, defaultClientId: string): Promise<KafkaSettings> {
  for (const name of javaClasses) {
    const value = properties.get(name)?.trim()
    if (value) throw unsupportedSetting(name, value, 'Java classes cannot be loaded here')
  }
  const protocol = (properties.get('security.protocol') ?? 'PLAINTEXT').trim().toUpperCase()
  if (!['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'].includes(protocol)) {
    const message = `Invalid value ${protocol} for configuration security.protocol: must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL`
    throw new ToolFailure('broker', failedToConstruct(message))
  }
  const timeout = Number(properties.get('request.timeout.ms') ?? 30_000)
  const base: KafkaSettings = {
    bootstrapServers: bootstrapServers(properties.get('bootstrap.servers') ?? ''),
    clientId: properties.get('client.id') ?? defaultClientId,
    requestTimeoutMs: Number.isFinite(timeout) && timeout > 0 ? timeout : 30_000,
  }
  if (protocol.startsWith('SASL_')) base.sasl = saslSettings(properties)
  if (protocol.endsWith('SSL')) base.tls = await tlsSettings(properties, '')
  return base
}

/** `Failed to construct kafka consumer` and its cause, as the Java clients say it. */
function failedToConstruct(message: string): { type: string; message: string }[] {
  return [
    { type: 'org.apache.kafka.common.KafkaException', message: 'Failed to construct kafka consumer' },
    { type: 'org.apache.kafka.common.config.ConfigException', message },
  ]
}

function bootstrapServers(list: string): string[] {
  const servers = list
    .split(',')
    .map((server) => server.trim())
    .filter((server) => server !== '')
  for (const server of servers) {
    if (!/^(?:[a-zA-Z_]+:\/\/)?(?:[^:/[\]]+|\[[0-9a-fA-F:.]+\]):\d+$/.test(server)) {
      throw new ToolFailure('broker', failedToConstruct(`Invalid url in bootstrap.servers: ${server}`))
    }
  }
  if (servers.length === 0) throw new ToolFailure('broker', failedToConstruct('No resolvable bootstrap urls given in bootstrap.servers'))
  return servers.map((server) => server.replace(/^[a-zA-Z_]+:\/\//, ''))
}

/** Fails when none of the hosts has an address, as the Java clients do before they try to connect. */
export async function resolveBootstrap(settings: KafkaSettings): Promise<void> {
  const { lookup } = await import('node:dns/promises')
  const known = await Promise.all(
    settings.bootstrapServers.map(async (server) => {
      const host = server.slice(0, server.lastIndexOf(':')).replace(/^\[|\]$/g, '')
      return lookup(host).then(
        () => true,
        (error: NodeJS.ErrnoException) => error.code !== 'ENOTFOUND' && error.code !== 'EAI_AGAIN',
      )
    }),
  )
  if (!known.includes(true)) throw new ToolFailure('broker', failedToConstruct('No resolvable bootstrap urls given in bootstrap.servers'))
}

function saslSettings(properties: ReadonlyMap<string, string>): NonNullable<KafkaSettings['sasl']> {
  const mechanism = (properties.get('sasl.mechanism') ?? 'GSSAPI').trim()
  if (mechanism !== 'PLAIN' && mechanism !== 'SCRAM-SHA-256' && mechanism !== 'SCRAM-SHA-512') {
    throw unsupportedSetting('sasl.mechanism', mechanism, 'PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are')
  }
  const jaas = properties.get('sasl.jaas.config')
  if (jaas === undefined) {
    const hint = 'java.security.auth.login.config files are not read: put the login into the property sasl.jaas.config'
    throw new ToolFailure('start', { type: 'java.lang.IllegalArgumentException', message: 'sasl.jaas.config is missing' }, { hint })
  }
  const { username, password } = parseJaas(jaas)
  return { mechanism, username, password }
}

/**
 * The user and password of one JAAS entry: `module.Class required name="value" …;`, values quoted or bare, backslash escapes inside quotes.
 * The text itself never reaches a message: it holds the password.
 */
export function parseJaas(text: string): { module: string; username: string; password: string } {
  const head = /^\s*([\w.$]+)\s+(?:required|requisite|sufficient|optional)\b/i.exec(text)
  const options = new Map<string, string>()
  for (const [, name = '', double, single, bare] of text
    .slice(head?.[0].length ?? 0)
    .matchAll(/([\w.]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;]+))/g)) {
    options.set(name, bare ?? (double ?? single ?? '').replaceAll(/\\(.)/g, '$1'))
  }
  const [username, password] = [options.get('username'), options.get('password')]
  if (head === null || username === undefined || password === undefined) {
    const message = 'sasl.jaas.config must read: CLASS required username="…" password="…";'
    throw new ToolFailure('start', { type: 'java.lang.IllegalArgumentException', message })
  }
  return { module: head[1] ?? '', username, password }
}

/** `ssl.*` properties behind `prefix` (`` for brokers, `schema.registry.` for the registry). */
export async function tlsSettings(properties: ReadonlyMap<string, string>, prefix: string): Promise<TlsSettings> {
  const get = (name: string) => properties.get(`${prefix}ssl.${name}`)?.trim() || undefined
  const checkHost = properties.get(`${prefix}ssl.endpoint.identification.algorithm`)?.trim() !== ''
  for (const store of ['truststore', 'keystore']) {
    const type = get(`${store}.type`)
    const location = get(`${store}.location`)
    if (location !== undefined && type?.toUpperCase() !== 'PEM') await refuseStore({ name: `${prefix}ssl.${store}`, location, type })
  }
  const pem = await loadPem({
    trustLocation: get('truststore.location'),
    trustCertificates: get('truststore.certificates'),
    keyLocation: get('keystore.location'),
    keyCertificates: get('keystore.certificate.chain'),
    key: get('keystore.key'),
    passphrase: get('key.password'),
  })
  return { ...pem, checkHost }
}
