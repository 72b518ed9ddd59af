import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { type KafkaConfig as ClientConfig, Kafka, logLevel, type SASLOptions } from 'kafkajs'
import { DatapipeError } from '../../base/errors.ts'

/** How the drill reaches Kafka: the `kafka` section of datapipe.yaml, or as much of it. */
export interface KafkaServer {
  bootstrapServers: string[]
  sasl?: { mechanism: string; username: string; password: string } | undefined
  tls?: { ca?: string | undefined; cert?: string | undefined; key?: string | undefined; servername?: string | undefined } | undefined
}

/** The drill's own client library, silent: what matters is thrown. */
export function kafkaClient(server: KafkaServer, clientId = 'datapipe-drill'): Kafka {
  return new Kafka(clientConfig(server, clientId))
}

function clientConfig(server: KafkaServer, clientId: string): ClientConfig {
  return {
    clientId,
    brokers: server.bootstrapServers,
    connectionTimeout: 10_000,
    requestTimeout: 30_000,
    logLevel: logLevel.NOTHING,
    retry: { retries: 8, initialRetryTime: 200, maxRetryTime: 3_000 },
    ...(server.sasl === undefined
      ? {}
      : {
          sasl: {
            mechanism: server.sasl.mechanism.toLowerCase(),
            username: server.sasl.username,
            password: server.sasl.password,
          } as SASLOptions,
        }),
    ...(server.tls === undefined ? {} : { ssl: Object.fromEntries(Object.entries(server.tls).filter(([, value]) => value !== undefined)) }),
  }
}

export interface FetchedPartition {
  partition: number
  errorCode: number
  /** Last stable offset: everything below it is decided. */
  lastStable: bigint
  logStart: bigint
  aborted: { producerId: bigint; firstOffset: bigint }[]
  /** Record batches as the broker sent them, the last one possibly cut off. */
  bytes: Buffer
}

/** kafkajs's inner parts that are used below (2.2.4, pinned): its consumer merges headers, checks no CRC, and cannot say when it has reached an end. */
interface InnerCluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  refreshMetadata(): Promise<void>
  addMultipleTargetTopics(topics: string[]): Promise<void>
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[]
  findBroker(options: { nodeId: number }): Promise<{ connectionPool: { send(request: unknown): Promise<unknown> } }>
  findGroupCoordinator(options: { groupId: string }): Promise<{ offsetCommit(request: unknown): Promise<unknown> }>
  fetchTopicsOffset(
    topics: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]>
}

const readCommitted = 1

/** Raw fetches over kafkajs's connections, metadata and authentication. */
export class KafkaConnection implements AsyncDisposable {
  private readonly cluster: InnerCluster
  private readonly encodeFetch: (request: unknown) => unknown

  private constructor(cluster: InnerCluster, encodeFetch: (request: unknown) => unknown) {
    this.cluster = cluster
    this.encodeFetch = encodeFetch
  }

  /** Connects and learns about `topics`. Throws `unreachable` when no broker answers. */
  static async open(server: KafkaServer, topics: string[]): Promise<KafkaConnection> {
    const require = createRequire(import.meta.url)
    const Cluster = require('kafkajs/src/cluster') as new (options: unknown) => InnerCluster
    const { createLogger } = require('kafkajs/src/loggers') as { createLogger(options: unknown): unknown }
    const socketFactory = require('kafkajs/src/network/socketFactory') as () => unknown
    const encodeFetch = require('kafkajs/src/protocol/requests/fetch/v11/request') as (request: unknown) => unknown
    const cluster = new Cluster({
      ...clientConfig(server, 'datapipe-drill-observer'),
      logger: createLogger({ level: logLevel.NOTHING, logCreator: () => () => {} }),
      socketFactory: socketFactory(),
      isolationLevel: readCommitted,
      allowAutoTopicCreation: false,
      metadataMaxAge: 300_000,
      enforceRequestTimeout: true,
    })
    try {
      await cluster.connect()
      await patiently(
        () => cluster.addMultipleTargetTopics(topics),
        () => cluster.refreshMetadata(),
      )
    } catch (cause) {
      await cluster.disconnect()
      throw new DatapipeError('unreachable', `kafka at ${server.bootstrapServers.join(',')} does not serve the wanted topics`, {
        path: topics.join(','),
        cause,
      })
    }
    return new KafkaConnection(cluster, encodeFetch)
  }

  /** As `open` for one topic, or undefined while the cluster does not have it. */
  static async openWhenThere(server: KafkaServer, topic: string): Promise<KafkaConnection | undefined> {
    const admin = kafkaClient(server).admin()
    await admin.connect()
    try {
      if (!(await admin.listTopics()).includes(topic)) return undefined
    } finally {
      await admin.disconnect()
    }
    return KafkaConnection.open(server, [topic])
  }

  partitions(topic: string): number[] {
    return this.cluster
      .findTopicPartitionMetadata(topic)
      .map((one) => one.partitionId)
      .sort((a, b) => a - b)
  }

  /** Log start and last stable offset of every partition. */
  async bounds(topic: string): Promise<Map<number, { start: bigint; end: bigint }>> {
    const partitions = this.partitions(topic).map((partition) => ({ partition }))
    const ask = async (fromBeginning: boolean) => {
      const [answer] = await this.patiently(() => this.cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning }]))
      return new Map(answer?.partitions.map((one) => [one.partition, BigInt(one.offset)]))
    }
    const [starts, ends] = [await ask(true), await ask(false)]
    return new Map(partitions.map(({ partition }) => [partition, { start: starts.get(partition) ?? 0n, end: ends.get(partition) ?? 0n }]))
  }

  /** One fetch of one partition, up to about 4 MiB. Throws `server-refused` on a broker's error. */
  async fetch(topic: string, partition: number, offset: bigint): Promise<FetchedPartition> {
    return this.patiently(() => this.fetchOnce(topic, partition, offset))
  }

  private async fetchOnce(topic: string, partition: number, offset: bigint): Promise<FetchedPartition> {
    const leader = this.cluster.findTopicPartitionMetadata(topic).find((one) => one.partitionId === partition)?.leader
    if (leader === undefined) throw new DatapipeError('server-refused', 'partition has no leader', { path: `${topic}/${partition}` })
    const broker = await this.cluster.findBroker({ nodeId: leader })
    const request = this.encodeFetch({
      replicaId: -1,
      maxWaitTime: 500,
      minBytes: 1,
      maxBytes: 4 << 20,
      isolationLevel: readCommitted,
      topics: [{ topic, partitions: [{ partition, fetchOffset: offset.toString(), maxBytes: 4 << 20 }] }],
    })
    const answer = (await broker.connectionPool.send({
      request,
      response: { decode: async (bytes: Buffer) => decodeFetchAnswer(bytes), parse: async (data: unknown) => data },
    })) as FetchedPartition
    if (answer.errorCode !== 0)
      throw new DatapipeError('server-refused', `fetch answered error code ${answer.errorCode}`, {
        path: `${topic}/${partition}/${offset}`,
        cause: { retriable: passing.has(answer.errorCode) },
      })
    return answer
  }

  /** Sets positions of a group without members. kafkajs's own `setOffsets` joins the group for it, five seconds each time, and sends no metadata. */
  async commit(groupId: string, topic: string, partitions: { partition: number; offset: string }[], metadata: string): Promise<void> {
    const coordinator = await this.cluster.findGroupCoordinator({ groupId })
    await coordinator.offsetCommit({
      groupId,
      groupGenerationId: -1,
      memberId: '',
      topics: [{ topic, partitions: partitions.map((one) => ({ ...one, metadata })) }],
    })
  }

  private patiently<T>(work: () => Promise<T>): Promise<T> {
    return patiently(work, () => this.cluster.refreshMetadata())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.disconnect()
  }
}

/** Unknown topic, leader not available, not leader, replica not available, fenced or unknown leader epoch: over when the leader is found. */
const passing = new Set([3, 5, 6, 9, 74, 75])

/** Repeats `work` for up to ten seconds while it fails with what passes by itself: a topic's leader is not there at once. */
async function patiently<T>(work: () => Promise<T>, refresh: () => Promise<void>): Promise<T> {
  const deadline = performance.now() + 10_000
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isPassing(error) || performance.now() > deadline) throw error
      await sleep(100)
      // It fails for the same reason as the work did, which is tried again anyway.
      await refresh().catch(() => undefined)
    }
  }
}

function isPassing(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  return ('retriable' in error && error.retriable === true) || ('cause' in error && isPassing(error.cause))
}

/**
 * Fetch answer, version 11, for one partition of one topic:
 * throttle:i32 error:i16 session:i32 topics:i32 name:string partitions:i32
 *   partition:i32 error:i16 highWatermark:i64 lastStable:i64 logStart:i64 aborted:i32 (producerId:i64 firstOffset:i64)* preferred:i32 records:bytes
 */
function decodeFetchAnswer(bytes: Buffer): FetchedPartition {
  let at = 4
  const errorCode = bytes.readInt16BE(at)
  at += 2 + 4
  const none = { partition: -1, errorCode, lastStable: -1n, logStart: -1n, aborted: [], bytes: Buffer.alloc(0) }
  if (bytes.readInt32BE(at) !== 1) return { ...none, errorCode: errorCode || -1 }
  at += 4
  at += 2 + bytes.readInt16BE(at) + 4
  const partition = bytes.readInt32BE(at)
  const partitionError = bytes.readInt16BE(at + 4)
  const lastStable = bytes.readBigInt64BE(at + 14)
  const logStart = bytes.readBigInt64BE(at + 22)
  const abortedCount = bytes.readInt32BE(at + 30)
  at += 34
  const aborted: FetchedPartition['aborted'] = []
  for (let index = 0; index < abortedCount; index++, at += 16)
    aborted.push({ producerId: bytes.readBigInt64BE(at), firstOffset: bytes.readBigInt64BE(at + 8) })
  const length = bytes.readInt32BE(at + 4)
  return {
    partition,
    errorCode: errorCode || partitionError,
    lastStable,
    logStart,
    aborted,
    bytes: bytes.subarray(at + 8, at + 8 + Math.max(length, 0)),
  }
}
