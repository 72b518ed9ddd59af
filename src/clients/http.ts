import type { TlsConfig } from '../base/config.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatapipeError } from '../base/errors.ts'
import { parseJson, stringifyJson } from '../base/lossless-json.ts'
import { httpTransport } from './http-transport.ts'
import { tlsFault, type TlsPeer } from './tls-fault.ts'

export interface HttpTarget {
  /** Who is asked, for messages: `schema registry`, `kafka connect`. */
  name: string
  /** Base URL; credentials in it are taken out and sent as basic auth. */
  url: string
  username?: string | undefined
  password?: string | undefined
  /** With an https:// URL. */
  tls?: TlsConfig | undefined
  /** The section of datapipe.yaml, for hints: `registry`. */
  section?: string
  signal: AbortSignal
  /** Milliseconds until a request without an answer counts as `unreachable` (default 30 s). */
  timeoutMs?: number
  /** An answer that means "ask again in a moment" whatever the method, e.g. Connect's 409 during a rebalance. Bounded by `retryForMs`. */
  askAgain?: (answer: HttpAnswer) => boolean
  /** Milliseconds that `askAgain` answers are retried for (default 60 s). */
  retryForMs?: number
}

export interface HttpRequest {
  /** Sent as JSON, bigint as plain digits. */
  json?: unknown
  bytes?: Uint8Array
  headers?: Record<string, string>
  /** Statuses beside 2xx that are an answer, not an error. */
  allow?: number[]
  timeoutMs?: number
}

export interface HttpAnswer {
  status: number
  bytes: Buffer
  text: string
  /** The parsed body (integers beyond 2^53 as bigint); undefined when the body is empty. Throws `server-refused` when it is not JSON. */
  json(): unknown
}

export interface HttpClient {
  /** The base URL without credentials and without a final slash. */
  readonly url: string
  /**
   * One request. Reads (GET) are tried again on a lost connection and on 5xx, three times; nothing else is ever sent twice but what `askAgain` names.
   * Throws `unreachable`, `tls-failed`, `unauthorized` (401, 403), `server-refused` (with method, path, status and the server's words), `interrupted`.
   */
  request(method: string, path: string, options?: HttpRequest): Promise<HttpAnswer>
}

const readAttempts = 4

/** A client for the JSON APIs of the registry and Connect: basic auth, timeouts, lossless JSON. No credential ever reaches a message. */
export function createHttpClient(target: HttpTarget): HttpClient {
  const url = new URL(target.url)
  const username = target.username ?? decodeURIComponent(url.username)
  const password = target.password ?? decodeURIComponent(url.password)
  url.username = ''
  url.password = ''
  const base = url.href.replace(/\/+$/, '')
  const authorization =
    username || password ? { authorization: `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}` } : undefined

  const transport = httpTransport(url, target.tls)

  const send = async (method: string, path: string, options: HttpRequest): Promise<HttpAnswer> => {
    const timeout = AbortSignal.timeout(options.timeoutMs ?? target.timeoutMs ?? 30_000)
    const body = options.bytes ?? (options.json === undefined ? undefined : stringifyJson(options.json))
    const headers = {
      accept: 'application/json',
      ...(options.json === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
      ...authorization,
    }
    try {
      const { status, bytes } = await transport(method, base + path, { headers, body, signal: AbortSignal.any([target.signal, timeout]) })
      return answerOf({ status, bytes, what: `${method} ${path}`, name: target.name })
    } catch (cause) {
      if (target.signal.aborted) throw new DatapipeError('interrupted', `interrupted while asking ${target.name} for ${method} ${path}`)
      const fault = timeout.aborted ? undefined : await tlsFault(cause, peerOf(target, url))
      if (fault !== undefined) throw fault
      const why = timeout.aborted ? 'no answer in time' : reasonOf(cause)
      throw new DatapipeError('unreachable', `${target.name} at ${base} does not answer ${method} ${path}: ${why}`, { cause })
    }
  }

  const request = async (method: string, path: string, options: HttpRequest = {}): Promise<HttpAnswer> => {
    const started = performance.now()
    for (let attempt = 1; ; attempt++) {
      const mayRepeat = method === 'GET' && attempt < readAttempts
      let answer: HttpAnswer
      try {
        answer = await send(method, path, options)
      } catch (error) {
        if (!mayRepeat || !(error instanceof DatapipeError) || error.code !== 'unreachable') throw error
        await pause(75 * 2 ** attempt, target)
        continue
      }
      if (answer.status < 300 || options.allow?.includes(answer.status)) return answer
      if (answer.status >= 500 && mayRepeat) {
        await pause(75 * 2 ** attempt, target)
        continue
      }
      if (target.askAgain?.(answer) && performance.now() - started < (target.retryForMs ?? 60_000)) {
        await pause(500, target)
        continue
      }
      throw refusal(target, base, { method, path }, answer)
    }
  }
  return { url: base, request }
}

function peerOf({ name, section = 'the section', tls }: HttpTarget, url: URL): TlsPeer {
  const secure = url.protocol === 'https:'
  return {
    who: `${name} at ${url.origin}`,
    path: url.origin,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (secure ? 443 : 80)),
    servername: tls?.servername,
    tls: secure,
    settings: { on: `https:// in ${section}.url`, ca: `${section}.tls.ca`, client: `${section}.tls.cert and ${section}.tls.key` },
  }
}

function answerOf(of: { status: number; bytes: Buffer; what: string; name: string }): HttpAnswer {
  const text = of.bytes.toString('utf8')
  return {
    status: of.status,
    bytes: of.bytes,
    text,
    json() {
      if (text.trim() === '') return undefined
      try {
        return parseJson(text)
      } catch (cause) {
        throw new DatapipeError('server-refused', `${of.name} answered ${of.what} with something that is not JSON: ${text.slice(0, 120)}`, { cause })
      }
    },
  }
}

function refusal({ name, section }: HttpTarget, base: string, request: { method: string; path: string }, answer: HttpAnswer): DatapipeError {
  const { method, path } = request
  const words = serverWords(answer)
  const code = answer.status === 401 || answer.status === 403 ? 'unauthorized' : 'server-refused'
  return new DatapipeError(code, `${name} at ${base} answered ${method} ${path} with ${answer.status}${words ? `: ${words}` : ''}`, {
    path: code === 'unauthorized' && section !== undefined ? `datapipe.yaml: ${section}.username, ${section}.password` : `${method} ${path}`,
  })
}

/** The server's own message: `message` (Confluent, Connect), `title`/`detail` (Apicurio), or the first words of the body. */
export function serverWords(answer: HttpAnswer): string {
  try {
    const body = parseJson(answer.text) as { error_code?: unknown; message?: unknown; title?: unknown; detail?: unknown } | null
    const text = body?.message ?? body?.title ?? body?.detail
    if (text !== undefined && text !== null)
      return `${body?.error_code === undefined ? '' : `${String(body.error_code)} `}${String(text)}`.slice(0, 600)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return answer.text.slice(0, 200).replaceAll(/\s+/g, ' ').trim()
}

function reasonOf(error: unknown): string {
  for (let current: unknown = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth++) {
    const { code } = current as { code?: unknown }
    if (typeof code === 'string') return code
  }
  return error instanceof Error ? error.message : String(error)
}

async function pause(milliseconds: number, target: HttpTarget): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal: target.signal })
  } catch {
    throw new DatapipeError('interrupted', `interrupted while waiting for ${target.name}`)
  }
}
