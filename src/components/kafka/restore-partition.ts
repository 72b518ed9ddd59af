import { DatapipeError } from '../../base/errors.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { type RawBatch, readBatches } from '../../clients/kafka/read-batches.ts'
import { rebuildBatch } from '../../clients/kafka/rebuild-batch.ts'
import { checkBatchCrc, isDense } from '../../clients/kafka/record-batch.ts'
import type { Artifact, ArtifactReader } from '../../repository/artifact.ts'
import { openBatchSender } from './batch-sender.ts'
import { addPartition, addRun, type OffsetMap } from './offset-map.ts'
import type { BatchArtifact, PartitionPart } from './part.ts'
import { abortFilter } from './read-committed.ts'

export interface PartitionRestore {
  client: KafkaClient
  lane: string
  reader: ArtifactReader
  topic: string
  part: PartitionPart
  producer: { producerId: bigint; producerEpoch: number }
  /** The partition's end before the restore: where the first record must go. */
  startOffset: bigint
  offsetMap: OffsetMap
  onBytes: (bytes: number) => void
}

/**
 * Writes the committed records of a stored partition, in order, and notes in the map where each went. Dense batches go as they are but for
 * their header; thinned ones, those across the partition's bounds and those with LogAppendTime are rebuilt. Gives the number of records
 * and bytes. Throws `artifact-damaged`, `artifact-missing`, `kafka-corrupt`, `restore-mismatch`.
 */
export async function restorePartition(options: PartitionRestore): Promise<{ records: bigint; bytes: number }> {
  const { client, lane, topic, part, producer, startOffset, offsetMap } = options
  const sender = openBatchSender({ client, lane, topic, partition: part.partition, producer, startOffset })
  const isAborted = abortFilter(part.aborted)
  addPartition(offsetMap, topic, part.partition, startOffset)
  let target = startOffset
  let bytes = 0
  const noteRuns = (baseOffset: bigint, deltas: Iterable<number>) => {
    for (const delta of deltas) {
      addRun(offsetMap, topic, part.partition, { source: baseOffset + BigInt(delta), target, count: 1n })
      target++
    }
  }
  for (const artifact of part.artifacts) {
    for await (const batch of storedBatches(options.reader, artifact, topic, part.partition)) {
      if (client.context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while restoring topics')
      options.onBytes(batch.header.size)
      bytes += batch.header.size
      const { header } = batch
      if (header.control || header.recordCount === 0 || isAborted(header)) continue
      const inside = header.baseOffset >= part.startOffset && header.lastOffset < part.endOffset
      if (inside && isDense(header) && !header.logAppendTime) {
        await sender.send(batch.bytes, header.recordCount)
        addRun(offsetMap, topic, part.partition, { source: header.baseOffset, target, count: BigInt(header.recordCount) })
        target += BigInt(header.recordCount)
        continue
      }
      const rebuilt = rebuildBatch(batch.bytes, header, (offset) => offset >= part.startOffset && offset < part.endOffset)
      if (rebuilt === undefined) continue
      await sender.send(rebuilt.bytes, rebuilt.recordCount)
      noteRuns(header.baseOffset, rebuilt.keptDeltas)
    }
  }
  await sender.flush()
  return { records: target - startOffset, bytes }
}

/** The batches of one artifact, CRCs checked. Errors say which artifact, partition and offsets. */
export async function* storedBatches(reader: ArtifactReader, artifact: BatchArtifact, topic: string, partition: number): AsyncGenerator<RawBatch> {
  const place = `${artifact.path} (${topic}/${partition}, offsets ${artifact.firstOffset} to ${artifact.lastOffset})`
  try {
    for await (const batch of readBatches(reader.read(findArtifact(reader, artifact.path)))) {
      checkBatchCrc(batch.bytes, batch.header)
      yield batch
    }
  } catch (error) {
    if (!(error instanceof DatapipeError) || error.path?.startsWith(artifact.path)) throw error
    throw new DatapipeError(error.code === 'kafka-corrupt' ? 'artifact-damaged' : error.code, `${error.message} in ${place}`, {
      path: artifact.path,
      cause: error,
    })
  }
}

function findArtifact(reader: ArtifactReader, path: string): Artifact {
  const artifact = reader.artifacts.find((candidate) => candidate.path === path)
  if (artifact === undefined) throw new DatapipeError('artifact-missing', `the manifest does not list ${path}`, { path })
  return artifact
}
