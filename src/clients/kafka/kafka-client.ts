import { type API, apiVersionsV3, Connection, type ConnectionOptions, metadataV11, metadataV12 } from '@platformatic/kafka'
import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { WireReader } from '../kafka-wire/wire-bytes.ts'
import type { WireApi } from '../kafka-wire/wire-connection.ts'
import { tlsFault } from '../tls-fault.ts'
import { BulkLinks } from './bulk-links.ts'
import { answerIn, asDatapipeError, isRefusal, kafkaErrors, KafkaFailure, throwOnError, translate } from './failure.ts'
import { fromWire } from './from-wire.ts'

export interface Broker {
  nodeId: number
  host: string
  port: number
}

export interface TopicMetadata {
  name: string
  /** UUID; another one under the same name is another topic. */
  topicId: string
  internal: boolean
  /** Ascending by partition number. */
  partitions: { partition: number; leader: number; replicas: number[]; offline: number[] }[]
}

export interface Exchange<R> {
  api: WireApi
  /** Not to be changed until the answer is there. */
  body: Uint8Array[]
  parse(reader: WireReader): R
}

interface Link {
  connection: Connection
  /** API key → highest and lowest version the broker offers. */
  offered: Map<number, { min: number; max: number }>
}

const clientId = 'datapipe'
const patience = 60_000

/**
 * A connected Kafka cluster: routing to leaders and coordinators, version negotiation, retry by error code.
 * Errors: `unreachable`, `tls-failed` and `unauthorized` name the address; `interrupted` when the context is stopped.
 */
export class KafkaClient implements AsyncDisposable {
  readonly context: Context
  readonly #config: KafkaConfig
  readonly #options: ConnectionOptions
  readonly #links = new Map<string, Promise<Link>>()
  readonly #bulk: BulkLinks
  #brokers: Broker[] = []
  #clusterId = ''
  #greeted = false
  readonly #leaders = new Map<string, number>()

  constructor(config: KafkaConfig, context: Context) {
    this.#config = config
    this.context = context
    this.#bulk = new BulkLinks(config, clientId)
    this.#options = {
      connectTimeout: 10_000,
      requestTimeout: 60_000,
      maxInflights: 8,
      ...(config.sasl === undefined ? {} : { sasl: config.sasl }),
    }
  }

  get clusterId(): string {
    return this.#clusterId
  }

  /** A broker has answered what it speaks, which it does for everybody; anything else it may keep for those who log in. */
  get greeted(): boolean {
    return this.#greeted
  }

  get brokers(): readonly Broker[] {
    return this.#brokers
  }

  /**
   * Topics, all of them when `names` is left out; unknown names are left out of the answer. Also refreshes brokers and leaders.
   * With `from`, that broker is asked and no other.
   */
  async topics(names?: string[], from?: Broker): Promise<TopicMetadata[]> {
    const ask = (broker: Broker) =>
      this.call(broker, 'main', [metadataV12.api, metadataV11.api], names?.map((name) => ({ name })) ?? null, false, false)
    const answer = from === undefined ? await this.#anyBroker(ask) : await ask(from)
    this.#brokers = answer.brokers.map(({ nodeId, host, port }) => ({ nodeId, host, port }))
    this.#clusterId = answer.clusterId ?? ''
    const topics: TopicMetadata[] = []
    for (const topic of answer.topics) {
      if (topic.errorCode === 3 || !topic.name) continue
      if (topic.errorCode !== 5) throwOnError(topic.errorCode, `read the metadata of topic ${topic.name}`)
      const partitions = topic.partitions
        .map((p) => ({ partition: p.partitionIndex, leader: p.leaderId, replicas: p.replicaNodes, offline: p.offlineReplicas }))
        .sort((a, b) => a.partition - b.partition)
      for (const { partition, leader } of partitions) this.#leaders.set(`${topic.name}/${partition}`, leader)
      topics.push({ name: topic.name, topicId: topic.topicId, internal: topic.isInternal, partitions })
    }
    return topics
  }

  /** The leader of a partition, from the last metadata; a retriable failure while there is none. */
  async leaderOf(topic: string, partition: number): Promise<Broker> {
    const key = `${topic}/${partition}`
    if (!this.#leaders.has(key) && (await this.topics([topic])).length === 0) {
      throw new KafkaFailure(`there is no topic ${topic}`, { kafkaCode: kafkaErrors.unknownTopicOrPartition, retriable: true })
    }
    const leader = this.#leaders.get(key)
    const broker = this.#brokers.find(({ nodeId }) => nodeId === leader)
    if (broker === undefined) throw new KafkaFailure(`topic ${topic} partition ${partition} has no leader`, { kafkaCode: 5, retriable: true })
    return broker
  }

  /** Forgets the leaders of topics: the next request asks for them again. */
  forgetLeaders(...topics: string[]): void {
    const stale = new Set(topics)
    for (const key of this.#leaders.keys()) if (stale.has(key.slice(0, key.lastIndexOf('/')))) this.#leaders.delete(key)
  }

  /** Any broker that answers. */
  async broker(): Promise<Broker> {
    if (this.#brokers.length === 0) await this.topics([])
    const first = this.#brokers[0]
    if (first === undefined) throw new KafkaFailure('the cluster has no broker', { retriable: true })
    return first
  }

  /**
   * Sends one request; errors inside the answer are returned as data. `lane` separates connections: requests on one lane are answered
   * in order. `versions`: the same request in several versions, best first.
   */
  async call<A extends unknown[], R>(broker: Omit<Broker, 'nodeId'>, lane: string, versions: API<A, R>[], ...args: A): Promise<R> {
    const address = `${broker.host}:${broker.port}`
    const key = `${address} ${lane}`
    const link = await this.#link(broker, key)
    const api = pickVersion(versions, link.offered, address)
    try {
      return await api.async(link.connection, ...args)
    } catch (error) {
      const answer = answerIn<R>(error)
      if (answer !== undefined) return answer
      throw translate(error, address)
    }
  }

  /**
   * Sends one request whose body or answer is large, on a connection without the driver: pieces go out as they are, and an answer is read to
   * where it stays. Lanes as with `call`. `parse` begins behind the answer's header, and its reader's bytes may be given to `reuse` when
   * nobody needs them any more; a lost connection is a retriable KafkaFailure.
   */
  async exchange<R>(broker: Omit<Broker, 'nodeId'>, lane: string, { api, body, parse }: Exchange<R>): Promise<R> {
    const address = `${broker.host}:${broker.port}`
    try {
      const connection = await this.#bulk.open(broker, lane)
      return parse(await connection.request(api, body))
    } catch (error) {
      throw fromWire(error, address)
    }
  }

  /** Takes back the memory of a large answer, or of a view of it. */
  reuse(answer: Buffer): void {
    this.#bulk.pool.give(answer)
  }

  /**
   * Repeats `attempt` while it fails with a retriable KafkaFailure, for a minute at most; other failures become DatapipeErrors.
   * `onRetry` runs before a repetition, to forget what was stale.
   */
  async retrying<T>(attempt: () => Promise<T>, options: { timeoutMs?: number; onRetry?: (failure: KafkaFailure) => void } = {}): Promise<T> {
    const deadline = performance.now() + (options.timeoutMs ?? patience)
    for (let round = 0; ; round++) {
      if (this.context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while talking to Kafka')
      try {
        return await attempt()
      } catch (error) {
        if (!(error instanceof KafkaFailure) || !error.retriable || performance.now() > deadline) throw asDatapipeError(error)
        options.onRetry?.(error)
        await sleep(Math.min(1000, 50 * 2 ** Math.min(round, 5)))
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const links = await Promise.allSettled(this.#links.values())
    this.#links.clear()
    await this.#bulk[Symbol.asyncDispose]()
    await Promise.all(links.map((link) => (link.status === 'fulfilled' ? link.value.connection.close() : undefined)))
  }

  /** True when the broker offers this version of the API. */
  async offers(broker: Omit<Broker, 'nodeId'>, api: { key: number; version: number }): Promise<boolean> {
    const { offered } = await this.#link(broker, `${broker.host}:${broker.port} main`)
    const range = offered.get(api.key)
    return range !== undefined && range.min <= api.version && api.version <= range.max
  }

  /** The finalized feature levels of the cluster, e.g. `metadata.version: 29`: the nearest to a version number that the protocol tells. */
  async features(): Promise<Record<string, string>> {
    const answer = await this.call(await this.broker(), 'main', [apiVersionsV3.api], clientId, '1')
    return Object.fromEntries((answer.finalizedFeatures ?? []).map(({ name, maxVersionLevel }) => [name, String(maxVersionLevel)]))
  }

  /** The live connection of a lane, made when there is none. */
  async #link(broker: Omit<Broker, 'nodeId'>, key: string): Promise<Link> {
    const existing = this.#links.get(key)
    if (existing !== undefined) {
      const link = await existing
      if (link.connection.isConnected()) return link
      if (this.#links.get(key) === existing) this.#links.delete(key)
    }
    const connecting = this.#links.get(key) ?? this.#connect(broker, key)
    this.#links.set(key, connecting)
    return connecting
  }

  async #connect(broker: Omit<Broker, 'nodeId'>, key: string): Promise<Link> {
    const address = `${broker.host}:${broker.port}`
    const { tls } = this.#config
    const connection = new Connection(clientId, { ...this.#options, ...(tls === undefined ? {} : { tls: tlsOptions(tls, broker.host) }) })
    // Without a listener an error event would end the process. A request that it ends says only that the connection is closed.
    let broke: unknown
    connection.on('error', (error) => {
      broke = error
    })
    try {
      await connection.connect(broker.host, broker.port)
      const answer = await apiVersionsV3.api.async(connection, clientId, '1')
      this.#greeted = true
      return {
        connection,
        offered: new Map(answer.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, { min: minVersion, max: maxVersion }])),
      }
    } catch (error) {
      this.#links.delete(key)
      await connection.close()
      throw (
        (await this.#tlsFault(error, broker)) ?? (broke === undefined ? undefined : await this.#tlsFault(broke, broker)) ?? translate(error, address)
      )
    }
  }

  async #tlsFault(error: unknown, { host, port }: Omit<Broker, 'nodeId'>): Promise<DatapipeError | undefined> {
    // Without TLS a login that broke off looks like a refused one when the port wanted TLS: the port is asked.
    if (this.#config.tls !== undefined && isRefusal(error)) return undefined
    return tlsFault(error, {
      who: `broker ${host}:${port}`,
      path: `kafka/${host}:${port}`,
      host,
      port,
      servername: this.#config.tls?.servername,
      tls: this.#config.tls !== undefined,
      settings: { on: 'kafka.tls', ca: 'kafka.tls.ca', client: 'kafka.tls.cert and kafka.tls.key' },
    })
  }

  async #anyBroker<T>(ask: (broker: Broker) => Promise<T>): Promise<T> {
    const bootstrap = this.#config.bootstrapServers.map((server) => {
      const colon = server.lastIndexOf(':')
      return { nodeId: -1, host: server.slice(0, colon), port: Number(server.slice(colon + 1)) }
    })
    const failures: KafkaFailure[] = []
    for (const broker of [...this.#brokers, ...bootstrap]) {
      try {
        return await ask(broker)
      } catch (error) {
        if (!(error instanceof KafkaFailure)) throw error
        failures.push(error)
      }
    }
    throw new KafkaFailure([...new Set(failures.map(({ message }) => message))].join('; '), { retriable: true })
  }
}

/**
 * Connects to the cluster. A server that is down is reported at once; retries begin only after the first answer.
 * Throws `unreachable`, `tls-failed`, `unauthorized`, `not-supported` with the address.
 */
export async function connectKafka(config: KafkaConfig, context: Context): Promise<KafkaClient> {
  const client = new KafkaClient(config, context)
  try {
    await client.topics([])
    return client
  } catch (error) {
    await client[Symbol.asyncDispose]()
    if (client.greeted && config.sasl === undefined && error instanceof KafkaFailure && error.kafkaCode === undefined) {
      throw new DatapipeError(
        'unauthorized',
        'kafka answered its greeting and closed the connection at the first request, as a listener does that wants a login',
        {
          path: `kafka/${config.bootstrapServers.join(',')}`,
          hint: 'set kafka.sasl, or name a listener without SASL',
          cause: error,
        },
      )
    }
    throw asDatapipeError(error)
  }
}

/** The name is sent along (SNI), which an address cannot be: balancers route by it. */
function tlsOptions(tls: NonNullable<KafkaConfig['tls']>, host: string): NonNullable<ConnectionOptions['tls']> {
  const { ca, cert, key, servername = isIP(host) === 0 ? host : undefined } = tls
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
  }
}

function pickVersion<A extends unknown[], R>(versions: API<A, R>[], offered: Link['offered'], address: string): API<A, R> {
  for (const api of versions) {
    const range = offered.get(api.key)
    if (range !== undefined && range.min <= api.version && api.version <= range.max) return api
  }
  const key = versions[0]?.key ?? -1
  const range = offered.get(key)
  const wanted = versions.map(({ version }) => version).join(' or ')
  throw new DatapipeError(
    'not-supported',
    `broker ${address} offers API ${key} in ${range === undefined ? 'no version' : `versions ${range.min} to ${range.max}`}; version ${wanted} is needed`,
    { path: `kafka/${address}` },
  )
}
