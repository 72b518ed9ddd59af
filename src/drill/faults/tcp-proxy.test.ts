import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

let server: Server
let proxy: TcpProxy

beforeEach(async () => {
  // Answers whatever comes with 1000 bytes.
  server = createServer((socket) => socket.on('error', () => {}).on('data', () => socket.write(Buffer.alloc(1000, 7))))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  proxy = await startTcpProxy({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
})
afterEach(async () => {
  await proxy[Symbol.asyncDispose]()
  server.close()
})

async function client() {
  const socket = connect(proxy.port, '127.0.0.1')
  let bytes = 0
  let ended = ''
  socket.on('data', (piece) => (bytes += piece.length)).on('error', (error: NodeJS.ErrnoException) => (ended = error.code ?? ''))
  await once(socket, 'connect')
  return { socket, bytes: () => bytes, ended: () => ended }
}

test('what is sent passes, both ways', async () => {
  const { socket, bytes } = await client()
  socket.write('x')
  await expect.poll(bytes).toBe(1000)
  expect([proxy.accepted, proxy.received]).toEqual([1, 1000])
  socket.destroy()
})

test('cut in the middle of an answer, the client has the bytes before it, and a reset', async () => {
  const { socket, bytes, ended } = await client()
  proxy.cutAfter(300)
  socket.write('x')
  await expect.poll(ended).toBe('ECONNRESET')
  expect(bytes()).toBeLessThanOrEqual(300)
  const next = await client()
  next.socket.write('x')
  await expect.poll(next.bytes).toBe(1000)
  next.socket.destroy()
})

test('frozen, nothing passes and nothing ends; thawed, it passes', async () => {
  const { socket, bytes, ended } = await client()
  proxy.freeze()
  socket.write('x')
  const other = await client()
  other.socket.write('x')
  expect([bytes(), other.bytes(), ended()]).toEqual([0, 0, ''])
  proxy.thaw()
  await expect.poll(() => bytes() + other.bytes()).toBe(2000)
  socket.destroy()
  other.socket.destroy()
})

test('reset ends every connection', async () => {
  const { socket, bytes, ended } = await client()
  socket.write('x')
  await expect.poll(bytes).toBe(1000)
  proxy.reset()
  await expect.poll(ended).toBe('ECONNRESET')
})
