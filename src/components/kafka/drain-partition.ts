import { setTimeout as sleep } from 'node:timers/promises'
import { DatapipeError } from '../../base/errors.ts'
import { kafkaCodeOf, kafkaErrors, throwOnError } from '../../clients/kafka/failure.ts'
import { fetchRaw, type RawFetchAnswer } from '../../clients/kafka/fetch-raw.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import { type RawBatch, splitBatches } from '../../clients/kafka/read-batches.ts'
import { checkBatchCrc } from '../../clients/kafka/record-batch.ts'

export interface DrainOptions {
  client: KafkaClient
  /** Connection to use: one reader at a time per lane. */
  lane: string
  topic: string
  topicId: string
  partition: number
  from: bigint
  /** Reading ends with the batch that reaches this offset. */
  end: bigint
  /** Bytes of one fetch; two are in memory at a time. */
  fetchBytes: number
}

/**
 * What one step of the drain brings.
 * - `batches`: `bytes` is exactly these whole batches, CRCs checked; `aborted` must be taken in before them. Their memory may be used again
 *   once `release` is called, which is nobody's duty.
 * - `gap`: no batch covers these offsets; `deleted` when the log start moved over them (loss).
 * - `gone`: the topic was deleted, or deleted and made again, while it was read.
 */
export type DrainStep =
  | { kind: 'batches'; bytes: Buffer; batches: RawBatch[]; aborted: RawFetchAnswer['aborted']; release: () => void }
  | { kind: 'gap'; from: bigint; to: bigint; deleted: boolean; atEnd: boolean }
  | { kind: 'gone'; at: bigint }

/** An answer without records below the end is not the end: it is asked again this often before it counts as a gap. */
const emptyAnswers = 20

/**
 * Reads a partition from `from` to `end` as the broker has it, advancing by whole batches (`lastOffset + 1`), so that neither compacted
 * nor empty batches stop it. The next fetch is under way while the last is worked on. Throws `kafka-corrupt` with the place.
 */
export async function* drainPartition(options: DrainOptions): AsyncGenerator<DrainStep> {
  const { topic, partition, end } = options
  let next = options.from
  /** Everything before it is accounted for; behind `next` while the log start has moved over what was wanted. */
  let covered = options.from
  let deleted = false
  let empty = 0
  let ahead: Promise<RawFetchAnswer | 'gone'> | undefined
  while (next < end) {
    const answer = await (ahead ?? fetchAt(options, next))
    ahead = undefined
    if (answer === 'gone') {
      yield { kind: 'gone', at: covered }
      return
    }
    if (answer.errorCode === kafkaErrors.offsetOutOfRange) {
      // The answer itself says -1 for the log start then.
      const start = (await listOffsets(options.client, new Map([[topic, [partition]]]), 'earliest')).get(topic)?.get(partition) ?? next
      if (start <= next) {
        throw new DatapipeError('kafka-corrupt', `the log of ${topic}/${partition} ends before offset ${next}: it was truncated while it was read`, {
          path: `kafka/${topic}/${partition}`,
        })
      }
      let to = end
      if (start < end) to = start
      next = to
      deleted = true
      continue
    }
    const batches = wholeBatches(answer.records, next, options)
    const last = batches.at(-1)
    if (last === undefined) {
      if (++empty < emptyAnswers) {
        await sleep(150)
        continue
      }
      break
    }
    empty = 0
    const after = last.header.lastOffset + 1n
    if (after < end) {
      ahead = fetchAt(options, after)
      // Its failure is met when it is awaited; until then it must not count as unhandled.
      ahead.catch(() => {})
    }
    const wanted = batches.filter(({ header }) => header.baseOffset < end)
    const first = wanted[0]?.header.baseOffset ?? end
    // A log start inside a batch leaves the whole batch readable: what is missing is up to its first offset only.
    if (first > covered) yield { kind: 'gap', from: covered, to: first, deleted, atEnd: first === end }
    deleted = false
    if (wanted.length > 0) {
      const from = wanted[0]?.bytes.byteOffset ?? 0
      const size = wanted.reduce((sum, { header }) => sum + header.size, 0)
      const bytes = Buffer.from(answer.records.buffer, from, size)
      yield { kind: 'batches', bytes, batches: wanted, aborted: answer.aborted, release: answer.release }
    }
    next = after
    covered = after
  }
  if (covered < end) yield { kind: 'gap', from: covered, to: end, deleted, atEnd: true }
}

/** The whole batches of an answer that reach `next` or later; a first batch may begin before it. CRCs are checked. */
function wholeBatches(records: Buffer, next: bigint, { topic, partition }: DrainOptions): RawBatch[] {
  try {
    const batches = splitBatches(records).batches.filter(({ header }) => header.lastOffset >= next)
    for (const { bytes, header } of batches) checkBatchCrc(bytes, header)
    return batches
  } catch (error) {
    if (!(error instanceof DatapipeError)) throw error
    throw new DatapipeError(error.code, `${topic}/${partition} near offset ${next}: ${error.message}`, {
      path: `kafka/${topic}/${partition}`,
      cause: error,
    })
  }
}

async function fetchAt(options: DrainOptions, offset: bigint): Promise<RawFetchAnswer | 'gone'> {
  const { client, lane, topic, topicId, partition, fetchBytes } = options
  let goneSince: number | undefined
  return client.retrying(
    async () => {
      try {
        const broker = await client.leaderOf(topic, partition)
        const answer = await fetchRaw(client, broker, lane, { topic, partition, offset, maxBytes: fetchBytes, isolation: 1, maxWaitMs: 500 })
        if (answer.errorCode !== kafkaErrors.offsetOutOfRange) throwOnError(answer.errorCode, `fetch ${topic}/${partition} at offset ${offset}`)
        return answer
      } catch (error) {
        if (!topicMissing.has(kafkaCodeOf(error)) || (await isThere(client, topic, topicId))) throw error
        goneSince ??= performance.now()
        if (performance.now() - goneSince > goneAfterMs) return 'gone'
        throw error
      }
    },
    { onRetry: () => client.forgetLeaders(topic) },
  )
}

const topicMissing = new Set<number | undefined>([kafkaErrors.unknownTopicOrPartition, kafkaErrors.unknownTopicId, kafkaErrors.inconsistentTopicId])
/** A broker that has just started may not know every topic yet. */
const goneAfterMs = 5000

async function isThere(client: KafkaClient, topic: string, topicId: string): Promise<boolean> {
  return (await client.topics([topic])).some((found) => found.topicId === topicId)
}
