import { DatapipeError } from '../../base/errors.ts'
import { kafkaErrors, KafkaFailure, throwOnError } from '../../clients/kafka/failure.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { produceRaw } from '../../clients/kafka/produce-raw.ts'
import { rebuildBatch } from '../../clients/kafka/rebuild-batch.ts'
import { batchHeaderSize, parseBatchHeader, stampedHeader } from '../../clients/kafka/record-batch.ts'

interface Flight {
  batch: Buffer[]
  /** The offset that the broker must give the first record. */
  expected: bigint
  answer: Promise<number | KafkaFailure>
  done: () => void
}

export interface BatchSender {
  /** Sends a dense batch of `count` records. Waits while too much is under way. `done`: its bytes are not read any more. */
  send(batch: Buffer, count: number, done?: () => void): Promise<void>
  /** Waits until every batch is acknowledged at its offset. */
  flush(): Promise<void>
}

export interface BatchSenderOptions {
  client: KafkaClient
  /** Connection of this sender alone. */
  lane: string
  topic: string
  partition: number
  producer: { producerId: bigint; producerEpoch: number }
  /** The offset of the first batch. */
  startOffset: bigint
  /** So many of the first records are in the partition already: they are passed over. */
  loaded?: bigint
}

/** Brokers recognise repetitions of a producer's last five batches: no more may be under way. */
const mostFlights = 4
const mostBytes = 4 * 1024 * 1024

/**
 * An idempotent producer for one partition: each batch must get exactly the offset it is expected at. After a lost connection or a moved
 * leader everything not acknowledged is sent again in order; the broker drops what it has already. Throws `restore-mismatch`,
 * `unreachable`, `server-refused`.
 */
export function openBatchSender(options: BatchSenderOptions): BatchSender {
  const { client, topic, partition, producer } = options
  const flights: Flight[] = []
  let nextOffset = options.startOffset
  const loadedEnd = options.startOffset + (options.loaded ?? 0n)
  let sequence = 0
  let acknowledged = false
  const path = `kafka/topics/${topic}/${partition}`

  const attempt = async (flight: Flight): Promise<void> => {
    const broker = await client.leaderOf(topic, partition)
    const answer = await produceRaw(client, broker, options.lane, { topic, partition, batch: flight.batch })
    // Known to the broker from an earlier attempt, but no longer its offset: the end offset read back later proves it.
    if (answer.errorCode === kafkaErrors.duplicateSequenceNumber) return
    throwOnError(answer.errorCode, `write to ${topic}/${partition}`, answer.errorMessage)
    if (answer.baseOffset !== flight.expected) {
      throw new DatapipeError(
        'restore-mismatch',
        `the broker put a batch at offset ${answer.baseOffset} instead of ${flight.expected}: somebody else writes`,
        {
          path,
        },
      )
    }
  }
  const launch = (flight: Flight) =>
    attempt(flight).then(
      () => 0,
      (error: unknown) => {
        if (error instanceof KafkaFailure) return error
        throw error
      },
    )
  const settleFirst = async () => {
    const first = flights[0]
    if (first === undefined) return
    const outcome = await first.answer
    if (!(outcome instanceof KafkaFailure)) {
      flights.shift()
      first.done()
      acknowledged = true
      return
    }
    // A batch that overtook the one before it is out of order: sent again in order, like those after a lost connection.
    if (!outcome.retriable && outcome.kafkaCode !== kafkaErrors.outOfOrderSequenceNumber) throw outcome
    await Promise.all(flights.map(({ answer }) => answer))
    for (const flight of flights) await client.retrying(() => attempt(flight), { onRetry: () => client.forgetLeaders(topic) })
    for (const { done } of flights.splice(0)) done()
    acknowledged = true
  }
  return {
    async send(batch, count, done = () => {}) {
      const known = loadedEnd - nextOffset
      if (known >= BigInt(count)) {
        nextOffset += BigInt(count)
        done()
        return
      }
      if (known > 0n) {
        // The load had ended inside of what is one batch now.
        const header = parseBatchHeader(batch)
        const rest = rebuildBatch(batch, header, (offset) => offset - header.baseOffset >= known)
        nextOffset = loadedEnd
        if (rest !== undefined) await this.send(rest.bytes, rest.recordCount)
        done()
        return
      }
      // A broker takes any sequence number from a producer it does not know yet: were the first batch to fail, the second would take its place.
      const window = acknowledged ? mostFlights : 1
      while (flights.length >= window || (flights.length > 0 && underWay(flights) + batch.length > mostBytes)) {
        await client.retrying(settleFirst)
      }
      const header = stampedHeader(batch, { ...producer, baseSequence: sequence })
      const flight: Flight = { batch: [header, batch.subarray(batchHeaderSize)], expected: nextOffset, answer: Promise.resolve(0), done }
      flight.answer = launch(flight)
      // Its failure is met in settleFirst; until then it must not count as unhandled.
      flight.answer.catch(() => {})
      flights.push(flight)
      sequence = (sequence + count) % 2 ** 31
      nextOffset += BigInt(count)
    },
    async flush() {
      while (flights.length > 0) await client.retrying(settleFirst)
    },
  }
}

const underWay = (flights: Flight[]) => flights.reduce((sum, { batch }) => sum + (batch[1]?.length ?? 0), 0)
