import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { kafkaAnswers } from './kafka-answers.ts'

async function against(serve: (socket: Socket) => void): Promise<boolean> {
  const server = createServer((socket) => serve(socket.on('error', () => {}))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const answer = await kafkaAnswers('127.0.0.1', (server.address() as AddressInfo).port, { timeoutMs: 300 })
  server.close()
  return answer
}

test('a broker that answers the request, in pieces, answers', async () => {
  const reply = Buffer.from('0000000a0000004d000000000000', 'hex')
  const answer = await against((socket) =>
    socket.once('data', () => {
      socket.write(reply.subarray(0, 5))
      setTimeout(() => socket.write(reply.subarray(5)), 20)
    }),
  )
  expect(answer).toBe(true)
})

test('a port that is open but silent does not answer', async () => {
  expect(await against(() => {})).toBe(false)
})

test('another server behind the port does not answer', async () => {
  expect(await against((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))).toBe(false)
})

test('an error code in the answer is no answer', async () => {
  expect(await against((socket) => socket.end(Buffer.from('000000060000004d0023', 'hex')))).toBe(false)
})
