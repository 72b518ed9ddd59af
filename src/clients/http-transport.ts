import { createRequire } from 'node:module'
import type { TlsConfig } from '../base/config.ts'

// `import` of node:http reads its WebSocket, for which Node loads the whole of undici: 25 ms at the start of every command.
const load = createRequire(import.meta.url)
const { Agent, request: requestPlain } = load('node:http') as typeof import('node:http')
const { Agent: SecureAgent, request: requestSecure } = load('node:https') as typeof import('node:https')

export interface HttpMessage {
  headers: Record<string, string>
  body: string | Uint8Array | undefined
  signal: AbortSignal
}

export type HttpTransport = (method: string, url: string, message: HttpMessage) => Promise<{ status: number; bytes: Buffer }>

/**
 * Node's own HTTP client, since its `fetch` takes no certificates: one pool of connections, redirects not followed. Rejects with the
 * system's or TLS's error as it is, `code` included. Idle connections neither keep the process alive nor outlive four seconds: servers close
 * theirs after five, and a request on its way to a closing one would be lost.
 */
export function httpTransport(base: URL, tls: TlsConfig | undefined): HttpTransport {
  const secure = base.protocol === 'https:'
  const pool = { keepAlive: true, timeout: 4_000 }
  const agent = secure ? new SecureAgent({ ...pool, ...defined(tls ?? {}) }) : new Agent(pool)
  const open = secure ? requestSecure : requestPlain
  return (method, url, { headers, body, signal }) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; bytes: Buffer }>()
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const request = open(url, { method, agent, headers: { ...headers, ...length }, signal }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes: Buffer.concat(chunks) }))
    })
    request.on('error', reject)
    request.end(body)
    return promise
  }
}

/** A key that is there but undefined would switch Node's default off. */
function defined(tls: TlsConfig): { [Key in keyof TlsConfig]?: string } {
  return Object.fromEntries(Object.entries(tls).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
