import { BufferPool } from '../../base/buffer-pool.ts'
import type { KafkaConfig } from '../../base/config.ts'
import { WireConnection, type WireOptions } from '../kafka-wire/wire-connection.ts'

/** An answer to a fetch of 2 MiB, with what is around the records. */
const pooledBytes = 2 * 1024 * 1024 + 64 * 1024

/** The connections that a client has, one per broker and lane. */
export class BrokerLinks implements AsyncDisposable {
  /** Large answers come out of it, and may be given back. */
  readonly pool = new BufferPool({ bytes: pooledBytes, kept: 16 })
  readonly #options: WireOptions
  readonly #links = new Map<string, Promise<WireConnection>>()

  constructor(config: KafkaConfig, clientId: string) {
    this.#options = { ...wireOptions(config, clientId), allocate: (size) => this.pool.take(size) }
  }

  /** The lane's live connection, made when there is none. Throws a WireFailure. */
  async open(broker: { host: string; port: number }, lane: string): Promise<WireConnection> {
    const key = `${broker.host}:${broker.port} ${lane}`
    const existing = this.#links.get(key)
    if (existing !== undefined) {
      const connection = await existing
      if (connection.open) return connection
      if (this.#links.get(key) === existing) this.#links.delete(key)
    }
    const opening = this.#links.get(key) ?? WireConnection.open(broker, this.#options)
    this.#links.set(key, opening)
    try {
      return await opening
    } catch (error) {
      if (this.#links.get(key) === opening) this.#links.delete(key)
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const link of await Promise.allSettled(this.#links.values())) if (link.status === 'fulfilled') link.value.close()
    this.#links.clear()
  }
}

const tlsSettings = { on: 'kafka.tls', ca: 'kafka.tls.ca', client: 'kafka.tls.cert and kafka.tls.key' }

function wireOptions({ sasl, tls }: KafkaConfig, clientId: string): WireOptions {
  const { ca, cert, key, servername } = tls ?? {}
  const secure = {
    checkHost: true,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
  }
  return { clientId, requestTimeoutMs: 60_000, tlsSettings, ...(sasl === undefined ? {} : { sasl }), ...(tls === undefined ? {} : { tls: secure }) }
}
