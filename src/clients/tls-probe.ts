import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export interface TlsProbe {
  /** What the server shows, whoever signed it. */
  certificate: { subject: string; issuer: string; validTo: Date }
}

export interface ProbeOptions {
  host: string
  port: number
  /** PostgreSQL is asked for TLS in its own words first (SSLRequest: int32 8, int32 80877103; the answer is `S` or `N`). */
  postgres?: boolean | undefined
  servername?: string | undefined
  /** Milliseconds, 5 s when left out. */
  timeoutMs?: number
}

/**
 * One TLS handshake that trusts anything and sends nothing: to say in an error what a port speaks and whose certificate it shows.
 * Undefined when the port does not speak TLS, or not in time. Never throws.
 */
export async function probeTls(options: ProbeOptions): Promise<TlsProbe | undefined> {
  const socket = connect({ host: options.host, port: options.port })
  // Whatever goes wrong ends in `close`, which is listened to below.
  socket.on('error', () => {})
  const timer = setTimeout(() => socket.destroy(), options.timeoutMs ?? 5_000)
  try {
    if (options.postgres === true && !(await postgresAgrees(socket))) return undefined
    return await handshake(socket, options.servername)
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

async function postgresAgrees(socket: Socket): Promise<boolean> {
  const request = Buffer.alloc(8)
  request.writeInt32BE(8, 0)
  request.writeInt32BE(80877103, 4)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  socket.once('connect', () => socket.write(request))
  socket.once('data', (answer) => resolve(answer.toString('latin1') === 'S'))
  socket.once('close', () => resolve(false))
  return promise
}

function handshake(socket: Socket, servername: string | undefined): Promise<TlsProbe | undefined> {
  const { promise, resolve } = Promise.withResolvers<TlsProbe | undefined>()
  const secure = connectTls({ socket, rejectUnauthorized: false, ...(servername === undefined ? {} : { servername }) })
  secure.on('error', () => resolve(undefined))
  secure.once('close', () => resolve(undefined))
  secure.once('secureConnect', () => {
    const { subject, issuer, valid_to } = secure.getPeerCertificate()
    resolve({ certificate: { subject: nameIn(subject), issuer: nameIn(issuer), validTo: new Date(valid_to) } })
    secure.destroy()
  })
  return promise
}

/** The common name, or whatever other parts the name has. */
function nameIn(name: { CN?: string | string[] } | undefined): string {
  return [name?.CN ?? Object.values(name ?? {})].flat().join(', ') || 'no name'
}
