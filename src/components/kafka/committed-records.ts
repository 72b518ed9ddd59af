import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { type KafkaRecord, readMarker, readRecords } from '../../clients/kafka/records.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { drainPartition } from './drain-partition.ts'
import type { PartitionPart } from './part.ts'
import { abortFilter, trackTransactions } from './read-committed.ts'
import { storedBatches } from './restore-partition.ts'

/** Committed records of a stored partition, in order, in portions of one batch. */
export async function* storedRecords(reader: ArtifactReader, topic: string, part: PartitionPart): AsyncGenerator<KafkaRecord[]> {
  const isAborted = abortFilter(part.aborted)
  for (const artifact of part.artifacts) {
    for await (const { bytes, header } of storedBatches(reader, artifact, topic, part.partition)) {
      if (header.control || isAborted(header)) continue
      const records = [...readRecords(bytes, header)]
      const outside = header.baseOffset < part.startOffset || header.lastOffset >= part.endOffset
      yield outside ? records.filter(({ offset }) => offset >= part.startOffset && offset < part.endOffset) : records
    }
  }
}

export interface LivePartition {
  client: KafkaClient
  lane: string
  topic: string
  topicId: string
  partition: number
  from: bigint
  end: bigint
}

/** Committed records of a partition on a broker, in order, in portions of one batch, up to `end` (a stable offset). */
export async function* liveRecords(source: LivePartition): AsyncGenerator<KafkaRecord[]> {
  const transactions = trackTransactions()
  for await (const step of drainPartition({ ...source, fetchBytes: 2 * 1024 * 1024 })) {
    if (step.kind !== 'batches') continue
    transactions.list(step.aborted)
    for (const { bytes, header } of step.batches) {
      // Below the stable offset the broker's list is complete, so what is aborted is known at once.
      const verdict = transactions.see(header, header.control ? readMarker(bytes, header) : undefined)
      if (verdict !== 'data') continue
      const records = [...readRecords(bytes, header)]
      yield header.baseOffset < source.from || header.lastOffset >= source.end
        ? records.filter(({ offset }) => offset >= source.from && offset < source.end)
        : records
    }
  }
}
