import { GroupConsumer } from './group-consumer.ts'
import type { ConsumerOptions } from './consumer-options.ts'
import { type Chunk, PartitionReader } from './partition-reader.ts'
import { integerSetting } from './properties.ts'
import type { WireClient, WireTopic } from '../clients/kafka-wire/wire-client.ts'
import { throwOnCode, WireFailure, wireCodes } from '../clients/kafka-wire/wire-failure.ts'
import { offsetOf, type PartitionOffset } from '../clients/kafka-wire/wire-offsets.ts'

/** Where records come from: all partitions of topics, one partition, or what a group gives us. */
export interface RecordSource extends AsyncDisposable {
  /** The next records, or none after `waitMs`. Throws WireFailure for what does not pass by itself. */
  next(waitMs: number): Promise<Chunk[]>
  /** Says that records before these offsets are done with; committed now and then, and at the end. */
  done(positions: PartitionOffset[]): Promise<void>
  /** True once a broker has answered what there is to read; before that, silence says nothing about the topic. */
  readonly ready: boolean
  /** What stands in the way at the moment: a topic that is not there, a broker that does not answer. */
  readonly problem: string | undefined
}

/** Milliseconds after which topics are looked up again, for new partitions (`metadata.max.age.ms`). */
const lookAgainMs = 300_000

export interface SourceOptions {
  client: WireClient
  options: ConsumerOptions
  /** Ends every wait; what is under way may still be committed after that. */
  signal: AbortSignal
  warn: (message: string) => void
}

export function openRecordSource({ client, options, signal, warn }: SourceOptions): RecordSource {
  let problem: string | undefined
  let lookedAt = 0
  const safe = options.compat === 'safe'
  const reader = new PartitionReader(client, {
    signal,
    isolation: options.isolation,
    reset: options.reset,
    keepOldest: safe,
    partitionBytes: integerSetting(options.consumerProperties, 'max.partition.fetch.bytes', 1_048_576),
    warn,
    hinder: (message) => {
      problem = message
      warn(message)
    },
  })
  const group = options.group === undefined ? undefined : new GroupConsumer(client, options, options.group, reader)
  const known = new Set<string>()

  const find = async (): Promise<void> => {
    const { topic: wanted } = options
    const create = !safe && (options.consumerProperties.get('allow.auto.create.topics') ?? 'true') === 'true'
    const topics = typeof wanted === 'string' ? await client.topics([wanted], create) : (await client.topics(null)).filter(matching(wanted))
    const present = topics.filter(exists)
    if (present.length === 0) throw missing(typeof wanted === 'string' ? `topic ${wanted} does not exist` : `no topic matches ${wanted.source}`)
    if (group !== undefined) return group.subscribe(present.map(({ name }) => name))
    for (const { name, partitions } of present) {
      const chosen = partitions.filter(({ partition }) => options.partition === undefined || partition === options.partition)
      if (chosen.length === 0) throw missing(`topic ${name} has no partition ${options.partition}`)
      for (const { partition } of chosen) {
        const key = `${name}/${partition}`
        if (known.has(key)) continue
        reader.add({ topic: name, partition, next: await startOf(client, options, { topic: name, partition, late: lookedAt > 0 }) })
        known.add(key)
      }
    }
  }

  return {
    get ready() {
      return reader.answered || group?.idle === true
    },
    get problem() {
      return problem
    },
    async next(waitMs) {
      const deadline = performance.now() + waitMs
      if (lookedAt === 0 || performance.now() - lookedAt > lookAgainMs) {
        try {
          await find()
          lookedAt = performance.now()
          problem = undefined
        } catch (error) {
          if (!(error instanceof WireFailure) || !error.passing) throw error
          problem = error.message
          warn(error.message)
          await pause(Math.min(waitMs, 200), signal)
          return []
        }
      }
      await group?.keepPlace()
      const chunks = await reader.next(Math.max(0, deadline - performance.now()))
      if (chunks.length > 0) problem = undefined
      return chunks
    },
    async done(positions) {
      await group?.done(positions)
    },
    async [Symbol.asyncDispose]() {
      await group?.[Symbol.asyncDispose]()
    },
  }
}

function exists(topic: WireTopic): boolean {
  if (topic.code === wireCodes.unknownTopicOrPartition || topic.code === wireCodes.leaderNotAvailable) return false
  throwOnCode(topic.code, `read topic ${topic.name}`)
  return true
}

const matching = (pattern: RegExp) => (topic: WireTopic) => !topic.internal && pattern.test(topic.name)

function missing(message: string): WireFailure {
  return new WireFailure('broker', message, { code: wireCodes.unknownTopicOrPartition })
}

/** Where to begin. Partitions that appear later are read from their beginning with `earliest`, as Java does, and so are those of new topics. */
async function startOf(client: WireClient, options: ConsumerOptions, at: { topic: string; partition: number; late: boolean }): Promise<bigint> {
  const { topic, partition } = at
  const wanted = options.partition === undefined ? options.reset : options.offset
  if (typeof wanted === 'bigint') return wanted
  if (wanted === 'none') {
    throw new WireFailure('unauthorized', `Undefined offset with no reset policy for partitions: [${topic}-${partition}]`)
  }
  const end = options.isolation === 1 ? 'stable' : 'latest'
  return client.retrying(() => offsetOf(client, topic, partition, wanted === 'earliest' ? 'earliest' : end), 5_000)
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  const { setTimeout } = await import('node:timers/promises')
  await setTimeout(milliseconds, undefined, { signal })
}
