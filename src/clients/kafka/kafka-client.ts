import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { WireReader } from '../kafka-wire/wire-bytes.ts'
import type { WireApi, WireConnection } from '../kafka-wire/wire-connection.ts'
import { BrokerLinks } from './broker-links.ts'
import { asDatapipeError, kafkaErrors, KafkaFailure, throwOnError, translate } from './failure.ts'
import { type KafkaRequest, pickVersion } from './requests/kafka-request.ts'
import { finalizedFeatures, metadata } from './requests/metadata.ts'

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

const clientId = 'datapipe'
const patience = 60_000

/**
 * A connected Kafka cluster: routing to leaders and coordinators, version negotiation, retry by error code.
 * Errors: `unreachable`, `tls-failed` and `unauthorized` name the address; `interrupted` when the context is stopped.
 */
export class KafkaClient implements AsyncDisposable {
  readonly context: Context
  readonly #bootstrapServers: readonly string[]
  readonly #links: BrokerLinks
  #brokers: Broker[] = []
  #clusterId = ''
  #greeted = false
  readonly #leaders = new Map<string, number>()

  constructor(config: KafkaConfig, context: Context) {
    this.#bootstrapServers = config.bootstrapServers
    this.context = context
    this.#links = new BrokerLinks(config, clientId)
  }

  get clusterId(): string {
    return this.#clusterId
  }

  /** A connection was made: a broker has answered what it speaks, which it does for everybody, and has taken the login, if we have one. */
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
    const ask = (broker: Broker) => this.call(broker, 'main', metadata, names ?? null)
    const answer = from === undefined ? await this.#anyBroker(ask) : await ask(from)
    this.#brokers = answer.brokers
    this.#clusterId = answer.clusterId ?? ''
    const topics: TopicMetadata[] = []
    for (const { errorCode, name, topicId, internal, partitions } of answer.topics) {
      if (errorCode === 3 || !name) continue
      if (errorCode !== 5) throwOnError(errorCode, `read the metadata of topic ${name}`)
      for (const { partition, leader } of partitions) this.#leaders.set(`${name}/${partition}`, leader)
      topics.push({ name, topicId, internal, partitions: partitions.sort((a, b) => a.partition - b.partition) })
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
   * Sends one request, in the best version that the broker offers; error codes inside the answer are data, a lost connection is a retriable
   * KafkaFailure. `lane` separates connections: requests on one lane are answered in order.
   */
  async call<Ask, Answer>(broker: Omit<Broker, 'nodeId'>, lane: string, request: KafkaRequest<Ask, Answer>, ask: Ask): Promise<Answer> {
    return this.#talk(broker, lane, async (connection) => {
      const api = pickVersion(request, connection.offered(request.key), connection.address)
      return request.read(await connection.request(api, request.write(ask, api.version)), api.version)
    })
  }

  /**
   * Sends one request whose body or answer is large: pieces go out as they are, and an answer is read to where it stays. Lanes as with `call`.
   * `parse` begins behind the answer's header, and its reader's bytes may be given to `reuse` when nobody needs them any more; a lost
   * connection is a retriable KafkaFailure.
   */
  async exchange<R>(broker: Omit<Broker, 'nodeId'>, lane: string, { api, body, parse }: Exchange<R>): Promise<R> {
    return this.#talk(broker, lane, async (connection) => parse(await connection.request(api, body)))
  }

  /** Takes back the memory of a large answer, or of a view of it. */
  reuse(answer: Buffer): void {
    this.#links.pool.give(answer)
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
    await this.#links[Symbol.asyncDispose]()
  }

  /** The finalized feature levels of the cluster, e.g. `metadata.version: 29`: the nearest to a version number that the protocol tells. */
  async features(): Promise<Record<string, string>> {
    const answer = await this.call(await this.broker(), 'main', finalizedFeatures, { name: clientId, version: '1' })
    throwOnError(answer.errorCode, 'read the features of the cluster')
    return Object.fromEntries(answer.features.map(({ name, level }) => [name, String(level)]))
  }

  async #talk<R>(broker: Omit<Broker, 'nodeId'>, lane: string, say: (connection: WireConnection) => Promise<R>): Promise<R> {
    try {
      const connection = await this.#links.open(broker, lane)
      this.#greeted = true
      return await say(connection)
    } catch (error) {
      throw translate(error, `${broker.host}:${broker.port}`)
    }
  }

  async #anyBroker<T>(ask: (broker: Broker) => Promise<T>): Promise<T> {
    const bootstrap = this.#bootstrapServers.map((server) => {
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
