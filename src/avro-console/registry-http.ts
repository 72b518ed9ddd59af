import type { IncomingMessage, RequestOptions } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RegistrySettings } from './registry-settings.ts'
import { ToolFailure } from './tool-failure.ts'

/** A registry's refusal: what RestClientException carries. */
export class RegistryRefusal extends Error {
  /** HTTP status. */
  readonly status: number
  /** `error_code` of the answer, the status when it has none. */
  readonly errorCode: number

  constructor(status: number, errorCode: number, message: string) {
    super(`${message}; error code: ${errorCode}`)
    this.name = 'io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException'
    this.status = status
    this.errorCode = errorCode
  }
}

/** No answer: the connection failed. The name is the one of Java's exception. */
export class RegistryUnreachable extends Error {
  readonly url: string

  constructor(url: string, javaName: string, message: string, cause: unknown) {
    super(message, { cause })
    this.name = javaName
    this.url = url
  }
}

export interface RegistryHttp extends AsyncDisposable {
  /** One request, answered by parsed JSON. Throws RegistryRefusal or RegistryUnreachable, after the retries of the Java client. */
  request(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown>
}

/** Statuses that the Java client tries again (RetryExecutor of 7.6). */
const retriable = new Set([408, 429, 500, 502, 503, 504])

/**
 * HTTP as RestService of 7.6 does it: up to `max.retries` further tries on lost connections and on statuses that pass, with full jitter of up to
 * 1, 2, 4 … s, then the next URL of the list; the one that worked is asked first next time. `onUnreachable` hears of each URL that is given up.
 */
export function createRegistryHttp(
  settings: RegistrySettings,
  signal: AbortSignal,
  onUnreachable: (error: RegistryUnreachable) => void,
): RegistryHttp {
  let current = 0
  const agents = new Map<string, { destroy(): void }>()

  const once = async (base: string, method: string, path: string, body: string | undefined): Promise<unknown> => {
    const url = new URL(`${base.replace(/\/$/, '')}/${path.replace(/^\//, '')}`)
    const secure = url.protocol === 'https:'
    const { request, Agent } = secure ? await import('node:https') : await import('node:http')
    const agent = agents.get(url.protocol) ?? new Agent({ keepAlive: true, ...(secure ? tlsOptions(settings) : {}) })
    agents.set(url.protocol, agent)
    const options: RequestOptions = {
      method,
      agent: agent as NonNullable<RequestOptions['agent']>,
      timeout: settings.timeoutMs,
      signal,
      headers: {
        accept: 'application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json; qs=0.9, application/json; qs=0.5',
        ...(body === undefined ? {} : { 'content-type': 'application/vnd.schemaregistry.v1+json', 'content-length': Buffer.byteLength(body) }),
        ...settings.headers,
        ...authorization(settings, base),
      },
    }
    url.username = ''
    url.password = ''
    const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const sent = request(url, options, (answer) => read(answer).then((text) => resolve({ status: answer.statusCode ?? 0, text }), reject))
      sent.on('timeout', () => sent.destroy(Object.assign(new Error('Read timed out'), { code: 'ETIMEDOUT' })))
      sent.on('error', reject)
      sent.end(body)
    }).catch((error: NodeJS.ErrnoException) => {
      if (signal.aborted) throw error
      throw unreachable(url, error)
    })
    if (status === 204) return undefined
    if (status !== 200) throw refusal(status, text)
    return JSON.parse(text)
  }

  const withRetries = async (base: string, method: string, path: string, body: string | undefined): Promise<unknown> => {
    for (let retries = 0; ; retries++) {
      try {
        return await once(base, method, path, body)
      } catch (error) {
        const passes = error instanceof RegistryUnreachable || (error instanceof RegistryRefusal && retriable.has(error.status))
        if (!passes || retries >= settings.maxRetries) throw error
        const longest = Math.min(settings.retriesMaxWaitMs, settings.retriesWaitMs * 2 ** retries)
        await sleep(Math.random() * longest, undefined, { signal })
      }
    }
  }

  const request = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    for (let tried = 1; ; tried++) {
      try {
        return await withRetries(settings.urls[current] ?? '', method, path, text)
      } catch (error) {
        if (!(error instanceof RegistryUnreachable)) throw error
        onUnreachable(error)
        current = (current + 1) % settings.urls.length
        if (tried >= settings.urls.length) throw error
      }
    }
  }
  return {
    request,
    async [Symbol.asyncDispose]() {
      for (const agent of agents.values()) agent.destroy()
    },
  }
}

async function read(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function refusal(status: number, text: string): RegistryRefusal {
  try {
    const { error_code: code, message } = JSON.parse(text) as { error_code?: number; message?: string }
    if (typeof message === 'string') return new RegistryRefusal(status, typeof code === 'number' ? code : status, message)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  // What Java's client makes of an answer that is not JSON.
  return new RegistryRefusal(status, 50005, text.slice(0, 200).replaceAll(/\s+/g, ' ').trim() || `HTTP status ${status}`)
}

function unreachable(url: URL, error: NodeJS.ErrnoException): RegistryUnreachable {
  const [name, message] = javaReason(url, error)
  return new RegistryUnreachable(`${url.protocol}//${url.host}${url.pathname}${url.search}`, name, message, error)
}

function javaReason(url: URL, error: NodeJS.ErrnoException): [string, string] {
  switch (error.code) {
    case 'ECONNREFUSED':
      return ['java.net.ConnectException', 'Connection refused']
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return ['java.net.UnknownHostException', url.hostname]
    case 'ETIMEDOUT':
      return ['java.net.SocketTimeoutException', error.message]
    case 'ECONNRESET':
    case 'EPIPE':
      return ['java.net.SocketException', 'Connection reset']
    default:
      return [url.protocol === 'https:' ? 'javax.net.ssl.SSLHandshakeException' : 'java.io.IOException', error.message]
  }
}

function authorization({ credentials }: RegistrySettings, base: string): { authorization?: string } {
  switch (credentials.kind) {
    case 'none':
      return {}
    case 'bearer':
      return { authorization: `Bearer ${credentials.token}` }
    case 'basic':
      return { authorization: basic(credentials.userInfo) }
    case 'url': {
      // Not decoded: Java's client takes the user info as it stands in the URL.
      const userInfo = /^[a-z]+:\/\/([^/@]+)@/i.exec(base)?.[1]
      return userInfo === undefined ? {} : { authorization: basic(userInfo) }
    }
  }
}

const basic = (userInfo: string) => `Basic ${Buffer.from(userInfo, 'utf8').toString('base64')}`

function tlsOptions({ tls }: RegistrySettings): object {
  if (tls === undefined) return {}
  const { checkHost, ...pem } = tls
  return checkHost ? pem : { ...pem, checkServerIdentity: () => undefined }
}

/** The failure that a tool reports for whatever `request` threw; `heading` is the outer exception's message. Others pass unchanged. */
export function registryFailure(error: unknown, heading: string): unknown {
  if (error instanceof RegistryRefusal) {
    const refused = error.status === 401 || error.status === 403
    const type = refused ? 'AuthenticationException' : 'SerializationException'
    const chain = [
      { type: `org.apache.kafka.common.errors.${type}`, message: heading },
      { type: error.name, message: error.message },
    ]
    const kind = refused ? 'authentication' : error.status === 404 || error.status === 422 ? 'record' : 'registry'
    return new ToolFailure(kind, chain, { cause: error })
  }
  if (error instanceof RegistryUnreachable) {
    const chain = [
      { type: 'org.apache.kafka.common.errors.SerializationException', message: heading },
      { type: error.name, message: error.message },
    ]
    return new ToolFailure('registry', chain, { cause: error })
  }
  return error
}
