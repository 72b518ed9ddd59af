import { DatapipeError } from '../../base/errors.ts'
import { kafkaErrors, throwOnError } from '../../clients/kafka/failure.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import { newProducerId, produceRaw } from '../../clients/kafka/produce-raw.ts'
import { batchHeaderSize, stampedHeader } from '../../clients/kafka/record-batch.ts'
import { writeAbortMarkers } from '../../clients/kafka/write-markers.ts'
import { fillerBatch } from './filler-batch.ts'

export interface ExactWriter {
  /** The partition's end: where the next record goes. */
  readonly end: bigint
  /** Writes a dense batch of `count` records at the end. */
  write(batch: Buffer, count: number): Promise<void>
  /** Moves the end by records of nothing, to be deleted afterwards. */
  fillTo(offset: bigint): Promise<void>
  /** Moves the end by transaction markers, which no client sees. */
  markTo(offset: bigint): Promise<void>
}

export interface ExactWriterOptions {
  client: KafkaClient
  /** Connection of this writer alone. */
  lane: string
  topic: string
  partition: number
  end: bigint
}

const fillersAtOnce = 100_000
const markersAtOnce = 2000

/**
 * Writes one partition so that every record gets the offset that the caller means, one request at a time: the broker's answers, and the end
 * where an answer was lost, tell where it stands. Throws `restore-mismatch` when somebody else writes there, `unreachable`, `server-refused`.
 */
export async function openExactWriter({ client, lane, topic, partition, end: from }: ExactWriterOptions): Promise<ExactWriter> {
  const path = `kafka/topics/${topic}/${partition}`
  const records = await newProducerId(client)
  // Markers of a producer are of a later epoch than its batches may be: they get a producer of their own.
  const markers = await newProducerId(client)
  let end = from
  let sequence = 0
  const send = async (batch: Buffer, count: number) => {
    const pieces = [stampedHeader(batch, { ...records, baseSequence: sequence }), batch.subarray(batchHeaderSize)]
    await retrying(async () => {
      const answer = await produceRaw(client, await client.leaderOf(topic, partition), lane, { topic, partition, batch: pieces })
      // Written by an earlier attempt whose answer was lost; the end that is read back at last proves it.
      if (answer.errorCode === kafkaErrors.duplicateSequenceNumber) return
      throwOnError(answer.errorCode, `write to ${topic}/${partition}`, answer.errorMessage)
      if (answer.baseOffset !== end) throw elsewhere(answer.baseOffset)
    })
    sequence = (sequence + count) % 2 ** 31
    end += BigInt(count)
  }
  const retrying = <T>(attempt: () => Promise<T>) => client.retrying(attempt, { onRetry: () => client.forgetLeaders(topic) })
  const elsewhere = (offset: bigint) =>
    new DatapipeError('restore-mismatch', `${topic}/${partition} stands at offset ${offset} instead of ${end}: somebody else writes`, { path })
  let filler: { count: number; batch: Buffer } | undefined
  return {
    get end() {
      return end
    },
    write: send,
    async fillTo(offset) {
      while (end < offset) {
        const count = atMost(fillersAtOnce, offset - end)
        if (filler?.count !== count) filler = { count, batch: fillerBatch(count) }
        await send(filler.batch, count)
      }
      filler = undefined
    },
    async markTo(offset) {
      while (end < offset) {
        await retrying(async () => {
          const broker = await client.leaderOf(topic, partition)
          const now = (await listOffsets(client, new Map([[topic, [partition]]]), 'latest')).get(topic)?.get(partition) ?? end
          // An attempt whose answer was lost may have written some, or all.
          if (now < end || now > offset) throw elsewhere(now)
          end = now
          const count = atMost(markersAtOnce, offset - end)
          if (count === 0) return
          await writeAbortMarkers(client, broker, lane, { topic, partition, count, producer: markers })
          end += BigInt(count)
        })
      }
    },
  }
}

function atMost(limit: number, wanted: bigint): number {
  return wanted > BigInt(limit) ? limit : Number(wanted)
}
