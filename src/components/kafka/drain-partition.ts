import { setTimeout as sleep } from 'node:timers/promises'
import { DatapipeError } from '../../base/errors.ts'
import { kafkaErrors, throwOnError } from '../../clients/kafka/failure.ts'
import { fetchRaw, type RawFetchAnswer } from '../../clients/kafka/fetch-raw.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
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
 * - `batches`: `bytes` is exactly these whole batches, CRCs checked; `aborted` must be taken in before them.
 * - `gap`: no batch covers these offsets; `deleted` when the log start moved over them (loss).
 * - `gone`: the topic was deleted, or deleted and made again, while it was read.
 */
export type DrainStep =
  | { kind: 'batches'; bytes: Buffer; batches: RawBatch[]; aborted: RawFetchAnswer['aborted'] }
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
  let empty = 0
  let ahead: Promise<RawFetchAnswer | 'gone'> | undefined
  while (next < end) {
    const answer = await (ahead ?? fetchAt(options, next))
    ahead = undefined
    if (answer === 'gone') {
      yield { kind: 'gone', at: next }
      return
    }
    if (answer.errorCode === kafkaErrors.offsetOutOfRange) {
      if (answer.logStartOffset <= next) {
        throw new DatapipeError('kafka-corrupt', `the log of ${topic}/${partition} ends before offset ${next}: it was truncated while it was read`, {
          path: `kafka/${topic}/${partition}`,
        })
      }
      let to = end
      if (answer.logStartOffset < end) to = answer.logStartOffset
      yield { kind: 'gap', from: next, to, deleted: true, atEnd: to === end }
      next = to
      continue
    }
    const batches = wholeBatches(answer.records, next, options)
    const last = batches.at(-1)
    if (last === undefined) {
      if (++empty < emptyAnswers) {
        await sleep(150)
        continue
      }
      yield { kind: 'gap', from: next, to: end, deleted: false, atEnd: true }
      return
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
    if (first > next) yield { kind: 'gap', from: next, to: first, deleted: false, atEnd: first === end }
    if (wanted.length > 0) {
      const from = wanted[0]?.bytes.byteOffset ?? 0
      const size = wanted.reduce((sum, { header }) => sum + header.size, 0)
      const bytes = Buffer.from(answer.records.buffer, from, size)
      yield { kind: 'batches', bytes, batches: wanted, aborted: answer.aborted }
    }
    next = after
  }
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
  return client.retrying(
    async () => {
      const broker = await client.leaderOf(topic, partition)
      const answer = await fetchRaw(client, broker, lane, { topic, partition, offset, maxBytes: fetchBytes, isolation: 1, maxWaitMs: 500 })
      const code = answer.errorCode
      if (code === kafkaErrors.unknownTopicOrPartition || code === kafkaErrors.unknownTopicId || code === kafkaErrors.inconsistentTopicId) {
        const [now] = await client.topics([topic])
        if (now === undefined || now.topicId !== topicId) return 'gone'
      }
      if (code !== kafkaErrors.offsetOutOfRange) throwOnError(code, `fetch ${topic}/${partition} at offset ${offset}`)
      return answer
    },
    { onRetry: () => client.forgetLeaders(topic) },
  )
}
