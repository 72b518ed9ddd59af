import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'

/**
 * Whether a broker answers an ApiVersions request (version 0) on this port. An open port alone proves nothing:
 *   request  = int32 size, int16 api key 18, int16 version 0, int32 correlation id, int16 client id length -1
 *   response = int32 size, int32 correlation id, int16 error code, …
 * `ca`: a file of certificates to trust; the port is then asked over TLS.
 */
export function kafkaAnswers(
  host: string,
  port: number,
  { ca, timeoutMs = 5_000 }: { ca?: string | undefined; timeoutMs?: number } = {},
): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = ca === undefined ? connect({ host, port, timeout: timeoutMs }) : connectTls({ host, port, ca: readFileSync(ca), timeout: timeoutMs })
  const request = Buffer.alloc(14)
  request.writeInt32BE(10, 0)
  request.writeInt16BE(18, 4)
  request.writeInt32BE(77, 8)
  request.writeInt16BE(-1, 12)
  let received = Buffer.alloc(0)
  const finish = (answer: boolean) => {
    socket.destroy()
    resolve(answer)
  }
  socket.on(ca === undefined ? 'connect' : 'secureConnect', () => socket.write(request))
  socket.on('data', (bytes) => {
    received = Buffer.concat([received, bytes])
    if (received.length >= 10) finish(received.readInt32BE(4) === 77 && received.readInt16BE(8) === 0)
  })
  socket.on('timeout', () => finish(false))
  socket.on('error', () => finish(false))
  socket.on('close', () => finish(false))
  return promise
}
