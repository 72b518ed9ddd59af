import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createHttpClient } from './http.ts'

const servers: { close(): void }[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handle)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
const signal = new AbortController().signal

test('sends basic auth, and never shows it in an error', async () => {
  const seen: (string | undefined)[] = []
  const url = await serve((request, response) => {
    seen.push(request.headers.authorization)
    response.writeHead(401).end('{"error_code":401,"message":"Unauthorized"}')
  })
  const client = createHttpClient({ name: 'schema registry', section: 'registry', url: url.replace('http://', 'http://me:s3cr%C3%A9t@'), signal })
  const error = await client.request('GET', '/subjects').catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    code: 'unauthorized',
    message: `schema registry at ${url} answered GET /subjects with 401: 401 Unauthorized`,
    path: 'datapipe.yaml: registry.username, registry.password',
  })
  expect(seen).toEqual([`Basic ${Buffer.from('me:s3crét').toString('base64')}`])
})

test('an empty 401 on a PUT is unauthorized too', async () => {
  const url = await serve((_request, response) => void response.writeHead(401).end())
  const client = createHttpClient({ name: 'schema registry', url, signal })
  await expect(client.request('PUT', '/mode', { json: {} })).rejects.toMatchObject({ code: 'unauthorized' })
})

test('a read is tried again on 503, a write is not', async () => {
  let asked = 0
  const url = await serve((_request, response) => {
    asked++
    if (asked < 3) response.writeHead(503).end('booting')
    else response.end('{"id":9007199254740993}')
  })
  const client = createHttpClient({ name: 'schema registry', url, signal })
  expect((await client.request('GET', '/x')).json()).toEqual({ id: 9007199254740993n })
  asked = 0
  await expect(client.request('POST', '/x', { json: {} })).rejects.toMatchObject({
    code: 'server-refused',
    message: expect.stringContaining('with 503: booting'),
  })
  expect(asked).toBe(1)
})

test('asks again while Connect rebalances, but not for ever', async () => {
  let asked = 0
  const url = await serve((_request, response) => {
    asked++
    response.writeHead(409).end('{"error_code":409,"message":"rebalance in process"}')
  })
  const client = createHttpClient({ name: 'kafka connect', url, signal, askAgain: (answer) => answer.status === 409, retryForMs: 700 })
  await expect(client.request('PUT', '/x')).rejects.toMatchObject({ code: 'server-refused' })
  expect(asked).toBeGreaterThan(1)
})

test('a closed port is unreachable, a silent server too, an abort is interrupted', async () => {
  const closed = createHttpClient({ name: 'kafka connect', url: 'http://127.0.0.1:1', signal })
  await expect(closed.request('PUT', '/')).rejects.toMatchObject({ code: 'unreachable', message: expect.stringContaining('does not answer PUT /') })
  const url = await serve(() => {})
  const silent = createHttpClient({ name: 'kafka connect', url, signal, timeoutMs: 50 })
  await expect(silent.request('PUT', '/')).rejects.toMatchObject({ code: 'unreachable', message: expect.stringContaining('no answer in time') })
  const stop = new AbortController()
  const waiting = createHttpClient({ name: 'kafka connect', url, signal: stop.signal }).request('GET', '/')
  setTimeout(() => stop.abort(), 20)
  await expect(waiting).rejects.toMatchObject({ code: 'interrupted' })
})
