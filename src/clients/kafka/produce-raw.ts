import { type WireReader, WireWriter } from '../kafka-wire/wire-bytes.ts'
import type { WireApi } from '../kafka-wire/wire-connection.ts'
import { throwOnError } from './failure.ts'
import type { Broker, KafkaClient } from './kafka-client.ts'
import { initProducerId, type ProducerIdentity } from './requests/producers.ts'

export interface RawProduce {
  topic: string
  partition: number
  /** Exactly one record batch, in pieces: idempotent producers may send no more per partition and request. */
  batch: Buffer[]
}

export interface RawProduceAnswer {
  errorCode: number
  errorMessage: string | null
  baseOffset: bigint
  logAppendTimeMs: bigint
}

/*
  Produce Request v9 => transactional_id COMPACT_STRING?, acks INT16, timeout_ms INT32, [topic COMPACT_STRING, [partition INT32,
    records COMPACT_BYTES, TAGS], TAGS], TAGS
*/
export function produceBody(batches: readonly RawProduce[]): Buffer[] {
  const topics = new Map<string, RawProduce[]>()
  for (const item of batches) {
    const own = topics.get(item.topic)
    if (own === undefined) topics.set(item.topic, [item])
    else own.push(item)
  }
  const pieces: Buffer[] = []
  let open = new WireWriter()
    .string(null)
    .int16(-1)
    .int32(30_000)
    .unsigned(topics.size + 1)
  for (const [topic, own] of topics) {
    open.string(topic).unsigned(own.length + 1)
    for (const { partition, batch } of own) {
      open.int32(partition).unsigned(batch.reduce((sum, { length }) => sum + length, 1))
      pieces.push(open.finish(), ...batch)
      open = new WireWriter(16).tags()
    }
    open.tags()
  }
  pieces.push(open.tags().finish())
  return pieces
}

/*
  Produce Response v9 => [topic COMPACT_STRING, [partition INT32, error_code INT16, base_offset INT64, log_append_time INT64,
    log_start_offset INT64, [batch_index INT32, message COMPACT_STRING?, TAGS], error_message COMPACT_STRING?, TAGS], TAGS], throttle INT32, TAGS
*/
export function parseProduceAnswer(reader: WireReader): Map<string, RawProduceAnswer> {
  const answers = new Map<string, RawProduceAnswer>()
  reader.array(() => {
    const topic = reader.string()
    reader.array(() => {
      const partition = reader.int32()
      const errorCode = reader.int16()
      const baseOffset = reader.int64()
      const logAppendTimeMs = reader.int64()
      reader.int64()
      const recordErrors = reader.array(() => {
        const found = { index: reader.int32(), message: reader.nullableString() }
        reader.tags()
        return found
      })
      const message = reader.nullableString()
      reader.tags()
      const words = [message, ...recordErrors.slice(0, 3).map((error) => `record ${error.index}: ${error.message ?? ''}`)].filter(Boolean).join('; ')
      answers.set(`${topic}/${partition}`, { errorCode, errorMessage: words || null, baseOffset, logAppendTimeMs })
    })
    reader.tags()
  })
  return answers
}

const api: WireApi = { key: 0, version: 9, name: 'Produce', flexible: true }

/** Requests that are under way on one connection: the broker works on one at a time, the second is there when it is done. */
const mostRequests = 2
/** Bytes after which no further partition's batch joins a request. */
const requestBytes = 1024 * 1024

interface Waiting {
  produce: RawProduce
  bytes: number
  resolve(answer: RawProduceAnswer): void
  reject(error: unknown): void
}

interface Queue {
  waiting: Waiting[]
  requests: number
}

const queues = new WeakMap<KafkaClient, Map<string, Queue>>()

/**
 * Sends one batch to the partition's leader, acks=all. Batches of several partitions that wait for one lane travel in one request; those of
 * one partition stay in order. Error codes are data; a lost connection is a retriable KafkaFailure.
 */
export function produceRaw(client: KafkaClient, broker: Broker, lane: string, produce: RawProduce): Promise<RawProduceAnswer> {
  const lanes = queues.get(client) ?? new Map<string, Queue>()
  queues.set(client, lanes)
  const key = `${broker.host}:${broker.port} ${lane}`
  const queue = lanes.get(key) ?? { waiting: [], requests: 0 }
  lanes.set(key, queue)
  const bytes = produce.batch.reduce((sum, { length }) => sum + length, 0)
  return new Promise((resolve, reject) => {
    queue.waiting.push({ produce, bytes, resolve, reject })
    pump(client, broker, lane, queue)
  })
}

function pump(client: KafkaClient, broker: Broker, lane: string, queue: Queue): void {
  while (queue.requests < mostRequests && queue.waiting.length > 0) {
    const items = takeOnePerPartition(queue)
    queue.requests++
    const body = produceBody(items.map(({ produce }) => produce))
    client
      .exchange(broker, lane, { api, body, parse: parseProduceAnswer })
      .then(
        (answers) => {
          for (const { produce, resolve } of items) {
            const answer = answers.get(`${produce.topic}/${produce.partition}`)
            resolve(answer ?? { errorCode: -1, errorMessage: 'an empty answer', baseOffset: -1n, logAppendTimeMs: -1n })
          }
        },
        (error: unknown) => {
          for (const { reject } of items) reject(error)
        },
      )
      .finally(() => {
        queue.requests--
        pump(client, broker, lane, queue)
      })
  }
}

/** Takes the first waiting batch of every partition out of the queue, in order, until the request is large enough. */
function takeOnePerPartition(queue: { waiting: Waiting[] }): Waiting[] {
  const taken: Waiting[] = []
  const left: Waiting[] = []
  const partitions = new Set<string>()
  let size = 0
  for (const item of queue.waiting) {
    const key = `${item.produce.topic}/${item.produce.partition}`
    if (partitions.has(key) || size >= requestBytes) {
      left.push(item)
      // Nothing of this partition may overtake what was left.
      partitions.add(key)
      continue
    }
    partitions.add(key)
    taken.push(item)
    size += item.bytes
  }
  queue.waiting = left
  return taken
}

/** A fresh idempotent producer identity. */
export async function newProducerId(client: KafkaClient): Promise<ProducerIdentity> {
  return client.retrying(async () => {
    const { errorCode, ...identity } = await client.call(await client.broker(), 'main', initProducerId, null)
    throwOnError(errorCode, 'get a producer id')
    return identity
  })
}
