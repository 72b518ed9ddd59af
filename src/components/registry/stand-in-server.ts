import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseJson, stringifyJson } from '../../base/lossless-json.ts'

/** For tests: what a request brings and what goes back. `path` is decoded segment by segment only by the handler. */
export interface StandInRequest {
  method: string
  /** Raw path and query as sent. */
  target: string
  url: URL
  body: Record<string, unknown> | undefined
}
export interface StandInAnswer {
  status: number
  body?: unknown
}

export interface StandIn extends AsyncDisposable {
  url: string
  requests: string[]
}

/** For tests: a real HTTP server on a free port that answers with what `handle` gives, as JSON. */
export async function standIn(handle: (request: StandInRequest) => StandInAnswer): Promise<StandIn> {
  const requests: string[] = []
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const method = incoming.method ?? 'GET'
      const target = incoming.url ?? '/'
      requests.push(`${method} ${target}`)
      const text = Buffer.concat(chunks).toString('utf8')
      const body = text === '' ? undefined : (parseJson(text) as Record<string, unknown>)
      const answer = handle({ method, target, url: new URL(target, 'http://stand-in'), body })
      outgoing.writeHead(answer.status, { 'content-type': 'application/json' })
      outgoing.end(answer.body === undefined ? '' : stringifyJson(answer.body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
