import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'

export interface StandInOptions {
  /** Undefined: it does not speak TLS, and closes at the first byte of it, as a Kafka broker does; `postgres` says `N`. */
  certificate?: { certificate: string; key: string } | undefined
  /** Answers PostgreSQL's SSLRequest first. */
  postgres?: boolean
  /** Demands a certificate from this authority. */
  clientCa?: string
  /** What happens once the handshake is done, and to a client that speaks without TLS. */
  talk?: (socket: Socket, secure: boolean) => void
}

/** A server for tests, as far as a TLS handshake: on 127.0.0.1, with any certificate. Dispose of it to end it. */
export async function tlsStandIn(options: StandInOptions): Promise<{ port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    if (options.postgres === true) socket.once('data', (bytes) => answerPostgres(socket, bytes, options))
    else socket.once('data', (bytes) => greet(socket, bytes, options))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const sslRequest = 80877103

function answerPostgres(socket: Socket, bytes: Buffer, options: StandInOptions): void {
  if (bytes.readInt32BE(4) !== sslRequest) {
    options.talk?.(socket, false)
    return
  }
  if (options.certificate === undefined) {
    socket.end('N')
    return
  }
  socket.once('data', (hello) => greet(socket, hello, options))
  socket.write('S')
}

/** A TLS record of a handshake begins with 22; anything else is no TLS. */
function greet(socket: Socket, bytes: Buffer, options: StandInOptions): void {
  const { certificate, clientCa, talk } = options
  if (certificate === undefined || bytes[0] !== 22) {
    if (talk === undefined || bytes[0] === 22) socket.destroy()
    else talk(socket, false)
    return
  }
  socket.pause()
  socket.unshift(bytes)
  const secureContext = createSecureContext({
    cert: certificate.certificate,
    key: certificate.key,
    ...(clientCa === undefined ? {} : { ca: clientCa }),
  })
  const secure = new TLSSocket(socket, {
    isServer: true,
    secureContext,
    requestCert: clientCa !== undefined,
    rejectUnauthorized: clientCa !== undefined,
  })
  secure.on('error', () => {})
  secure.on('secure', () => talk?.(secure, true))
}
