import { request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import { DatapipeError } from '../../base/errors.ts'
import { parseJson } from '../../base/lossless-json.ts'

export interface HttpServer {
  url: string
  username?: string | undefined
  password?: string | undefined
  /** PEM texts, with an https:// URL. */
  tls?: { ca?: string | undefined; cert?: string | undefined; key?: string | undefined; servername?: string | undefined } | undefined
}

export interface HttpAnswer {
  status: number
  text: string
  /** Parsed with all digits kept (bigint beyond 2^53); undefined when the body is not JSON. */
  body: unknown
}

export interface HttpRequest {
  method?: string
  /** Sent as JSON. */
  body?: string
  contentType?: string
  signal?: AbortSignal
  /** Statuses that are answers, beside 2xx. Anything else throws `server-refused` (or `unauthorized`) with the server's words. */
  accept?: number[]
}

/** One request with basic auth, 30 seconds at most. Throws `unreachable` when there is no answer. */
export async function httpJson(server: HttpServer, path: string, request: HttpRequest = {}): Promise<HttpAnswer> {
  const url = `${server.url.replace(/\/+$/, '')}${path}`
  const headers: Record<string, string> = { accept: 'application/vnd.schemaregistry.v1+json, application/json' }
  if (request.body !== undefined) headers['content-type'] = request.contentType ?? 'application/json'
  if (server.username !== undefined) headers.authorization = `Basic ${Buffer.from(`${server.username}:${server.password ?? ''}`).toString('base64')}`
  const timeout = AbortSignal.timeout(30_000)
  let status: number
  let text: string
  try {
    const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal])
    ;({ status, text } = await exchange(url, { method: request.method ?? 'GET', headers, body: request.body, tls: server.tls, signal }))
  } catch (cause) {
    if (request.signal?.aborted) throw new DatapipeError('interrupted', 'interrupted', { path: url, cause })
    throw new DatapipeError('unreachable', `no answer from ${url}`, { path: url, cause })
  }
  if (status >= 300 && !(request.accept ?? []).includes(status))
    throw new DatapipeError(
      status === 401 || status === 403 ? 'unauthorized' : 'server-refused',
      `${url} answered ${status}: ${text.slice(0, 500)}`,
      {
        path: url,
      },
    )
  return { status, text, body: parseBody(text) }
}

interface Exchange {
  method: string
  headers: Record<string, string>
  body: string | undefined
  tls: HttpServer['tls']
  signal: AbortSignal
}

/** A connection of its own for each request: Node's `fetch` takes no certificates. */
function exchange(url: string, { method, headers, body, tls, signal }: Exchange): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const certificates = Object.fromEntries(Object.entries(tls ?? {}).filter(([, value]) => value !== undefined))
  const options = {
    method,
    headers: body === undefined ? headers : { ...headers, 'content-length': String(Buffer.byteLength(body)) },
    signal,
    agent: false,
  }
  const request = url.startsWith('https:') ? requestSecure(url, { ...options, ...certificates }) : requestPlain(url, options)
  request.on('response', (response) => {
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.on('error', reject)
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }))
  })
  request.on('error', reject)
  request.end(body)
  return promise
}

function parseBody(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}
