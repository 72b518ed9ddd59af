import { createConnection, isIP, type OnReadOpts, type Socket } from 'node:net'
import type { TlsPeer } from '../tls-fault.ts'
import { FrameReader } from './frame-reader.ts'
import { WireReader, WireWriter } from './wire-bytes.ts'
import { WireFailure } from './wire-failure.ts'

export interface WireAddress {
  host: string
  port: number
}

export interface WireTls {
  ca?: string
  cert?: string
  key?: string
  passphrase?: string
  /** The name that the certificate must have, when it is not the host's. */
  servername?: string
  /** False: the certificate may be of another host. */
  checkHost: boolean
}

export interface WireSasl {
  mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  username: string
  password: string
}

export interface WireOptions {
  clientId: string
  /** Milliseconds that one request may take. */
  requestTimeoutMs: number
  tls?: WireTls
  /** How the user's settings name what has to do with TLS, for words about it; a Java client's when left out. */
  tlsSettings?: TlsPeer['settings']
  sasl?: WireSasl
  /** Makes the buffer that an answer stays in; the connection lets go of it once the answer is out. */
  allocate?: (size: number) => Buffer
}

/** One version of a request. `flexible`: tagged fields in both headers (ApiVersions has none in its answer's). */
export interface WireApi {
  key: number
  version: number
  name: string
  flexible: boolean
}

interface Pending {
  api: WireApi
  resolve(reader: WireReader): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}

const saslHandshake: WireApi = { key: 17, version: 1, name: 'SaslHandshake', flexible: false }
const saslAuthenticate: WireApi = { key: 36, version: 2, name: 'SaslAuthenticate', flexible: true }
const apiVersions: WireApi = { key: 18, version: 3, name: 'ApiVersions', flexible: true }
const apiVersionsKey = 18

/**
 * One connection to one broker: requests in, answers out in the same order. It ends at the first failure; everything pending then fails with it.
 *
 *   Request  => size INT32, api_key INT16, api_version INT16, correlation_id INT32, client_id NULLABLE_STRING, TAGS?, body
 *   Response => size INT32, correlation_id INT32, TAGS?, body
 */
export class WireConnection {
  readonly address: string
  readonly #options: WireOptions
  readonly #pending = new Map<number, Pending>()
  #socket: Socket | undefined
  #failure: WireFailure | undefined
  #correlation = 0
  readonly #frames: FrameReader
  #versions = new Map<number, { min: number; max: number }>()

  private constructor(address: string, options: WireOptions) {
    this.address = address
    this.#options = options
    this.#frames = new FrameReader((frame) => this.#answer(frame), options.allocate)
  }

  /**
   * Connects, learns the broker's versions and authenticates. Throws WireFailure with the address; its cause is a DatapipeError `tls-failed`
   * when it is TLS that does not fit.
   */
  static async open({ host, port }: WireAddress, options: WireOptions): Promise<WireConnection> {
    const connection = new WireConnection(`${host}:${port}`, options)
    try {
      await connection.#connect(host, port)
      await connection.#learnVersions()
      if (options.sasl !== undefined) {
        const { authenticate } = await import('./wire-sasl.ts')
        await authenticate(connection, saslHandshake, saslAuthenticate, options.sasl)
      }
      return connection
    } catch (error) {
      connection.close()
      throw (await tlsFailure(error, { host, port }, options)) ?? error
    }
  }

  get open(): boolean {
    return this.#failure === undefined
  }

  /** The versions of an API that the broker offers; undefined when it has none. */
  offered(key: number): { min: number; max: number } | undefined {
    return this.#versions.get(key)
  }

  /** Sends `body`, pieces as they are (not to be changed until the answer is there), and waits for the answer, its header read over. */
  request(api: WireApi, body: WireWriter | Uint8Array[]): Promise<WireReader> {
    const offered = this.#versions.get(api.key)
    if (api.key !== apiVersionsKey && offered !== undefined && (api.version < offered.min || api.version > offered.max)) {
      const message = `broker ${this.address} offers ${api.name} in versions ${offered.min} to ${offered.max}; version ${api.version} is needed`
      return Promise.reject(new WireFailure('not-supported', message))
    }
    const socket = this.#socket
    if (this.#failure !== undefined || socket === undefined) return Promise.reject(this.#failure ?? this.#broken('is closed'))
    const correlation = this.#correlation++
    const header = new WireWriter().int16(api.key).int16(api.version).int32(correlation).shortString(this.#options.clientId)
    if (api.flexible) header.tags()
    const pieces = [header.finish(), ...(body instanceof WireWriter ? [body.finish()] : body)]
    const size = Buffer.allocUnsafe(4)
    size.writeInt32BE(pieces.reduce((sum, { length }) => sum + length, 0))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#end(this.#broken(`did not answer ${api.name} in ${this.#options.requestTimeoutMs} ms`)),
        this.#options.requestTimeoutMs,
      )
      this.#pending.set(correlation, { api, resolve, reject, timer })
      socket.cork()
      socket.write(size)
      for (const piece of pieces) socket.write(piece)
      socket.uncork()
    })
  }

  close(): void {
    this.#end(this.#broken('was closed'))
  }

  async #connect(host: string, port: number): Promise<void> {
    const { tls, requestTimeoutMs } = this.#options
    const secure = tls === undefined ? undefined : await import('node:tls')
    const name = host.replace(/^\[|\]$/g, '')
    await new Promise<void>((resolve, reject) => {
      const { checkHost, servername, ...pem } = tls ?? { checkHost: true }
      const onread: OnReadOpts = {
        buffer: () => this.#frames.target(),
        callback: (count) => {
          this.#take(count)
          return true
        },
      }
      // A variable: the types of tls.connect leave out what it hands on to the socket.
      const to = { host: name, port, onread }
      const socket =
        secure === undefined
          ? createConnection({ ...to, noDelay: true })
          : secure.connect({
              ...to,
              ...pem,
              ...(servername === undefined && isIP(name) !== 0 ? {} : { servername: servername ?? name }),
              ...(checkHost ? {} : { checkServerIdentity: () => undefined }),
            })
      this.#socket = socket
      const timer = setTimeout(() => socket.destroy(new Error('connecting takes too long')), Math.min(10_000, requestTimeoutMs))
      socket.once(secure === undefined ? 'connect' : 'secureConnect', () => {
        clearTimeout(timer)
        socket.setNoDelay(true)
        resolve()
      })
      socket.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer)
        const failure = new WireFailure('unreachable', `broker ${this.address} does not answer: ${error.code ?? error.message}`, { cause: error })
        this.#end(failure)
        reject(failure)
      })
      socket.on('close', () => {
        clearTimeout(timer)
        this.#end(this.#broken('closed the connection'))
        reject(this.#failure)
      })
    })
  }

  async #learnVersions(): Promise<void> {
    const reader = await this.request(apiVersions, new WireWriter().string('datapipe').string('1').tags())
    const code = reader.int16()
    if (code !== 0) throw new WireFailure('not-supported', `broker ${this.address} is older than Kafka 2.4`, { code })
    for (const { key, ...range } of reader.array(() => {
      const found = { key: reader.int16(), min: reader.int16(), max: reader.int16() }
      reader.tags()
      return found
    })) {
      this.#versions.set(key, range)
    }
  }

  #take(count: number): void {
    if (this.#failure !== undefined) return
    try {
      this.#frames.took(count)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#end(this.#broken(`sends ${error.message}; it may not be a Kafka broker, or may want TLS`))
    }
  }

  #answer(frame: Buffer): void {
    const reader = new WireReader(frame)
    const correlation = frame.length < 4 ? -1 : reader.int32()
    const pending = this.#pending.get(correlation)
    if (pending === undefined) {
      this.#end(this.#broken('answers something that was never asked; it may not be a Kafka broker, or may want TLS'))
      return
    }
    this.#pending.delete(correlation)
    clearTimeout(pending.timer)
    if (pending.api.flexible && pending.api.key !== apiVersionsKey) reader.tags()
    pending.resolve(reader)
  }

  #broken(what: string): WireFailure {
    return new WireFailure('unreachable', `broker ${this.address} ${what}`)
  }

  #end(failure: WireFailure): void {
    if (this.#failure !== undefined) return
    this.#failure = failure
    this.#socket?.destroy()
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer)
      reject(failure)
    }
    this.#pending.clear()
  }
}

const javaSettings = {
  on: 'security.protocol=SSL or SASL_SSL',
  ca: 'ssl.truststore.location (ssl.truststore.type=PEM)',
  client: 'ssl.keystore.location (ssl.keystore.type=PEM)',
}

/** What TLS has to do with a connection that could not be made, as a failure that no repetition cures; undefined when it is something else. */
async function tlsFailure(
  error: unknown,
  { host, port }: WireAddress,
  { tls, tlsSettings = javaSettings }: WireOptions,
): Promise<WireFailure | undefined> {
  if (!(error instanceof WireFailure) || error.kind !== 'unreachable') return undefined
  // Loaded now: a program that connects has no use for it.
  const { tlsFault } = await import('../tls-fault.ts')
  const fault = await tlsFault(error, {
    who: `broker ${host}:${port}`,
    path: `kafka/${host}:${port}`,
    host: host.replace(/^\[|\]$/g, ''),
    port,
    servername: tls?.servername,
    tls: tls !== undefined,
    settings: tlsSettings,
  })
  if (fault === undefined) return undefined
  const cause = fault.cause instanceof Error && fault.cause.message !== error.message ? `: ${fault.cause.message}` : ''
  return new WireFailure('unauthorized', `${fault.message}${cause} (${fault.hint})`, { cause: fault })
}
