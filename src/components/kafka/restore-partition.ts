import { BufferPool } from '../../base/buffer-pool.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { mergeBatches } from '../../clients/kafka/merge-batches.ts'
import { type RawBatch, readBatches } from '../../clients/kafka/read-batches.ts'
import { rebuildBatch } from '../../clients/kafka/rebuild-batch.ts'
import { type BatchHeader, checkBatchCrc, isDense } from '../../clients/kafka/record-batch.ts'
import { recordBytes } from '../../clients/kafka/records.ts'
import type { Artifact, ArtifactReader } from '../../repository/artifact.ts'
import { openBatchSender } from './batch-sender.ts'
import { addPartition, addRun, type OffsetMap } from './offset-map.ts'
import type { BatchArtifact, PartitionPart } from './part.ts'
import { abortFilter } from './read-committed.ts'
import { shareChunks } from './shared-chunks.ts'
import { inflated, isZstdFault, zstdSuffix } from './store-compressed.ts'

export interface PartitionRestore {
  client: KafkaClient
  lane: string
  reader: ArtifactReader
  topic: string
  part: PartitionPart
  producer: { producerId: bigint; producerEpoch: number }
  /** Where the first record must go, or has gone: the partition's end before the restore, less `loaded`. */
  startOffset: bigint
  /** Records that are there already, from a restore that was killed: they are not sent again. */
  loaded?: bigint
  offsetMap: OffsetMap
  /** What the topic's `max.message.bytes` will be: no batch that is made here is larger. */
  maxMessageBytes?: number
  onBytes: (bytes: number) => void
}

/** Bytes of a full batch: large enough that requests cost nothing, and half of what consumers fetch of a partition by default. */
const fullBatch = 512 * 1024
/** Bytes between two words on progress: a topic may have a million batches. */
const sayEvery = 4 * 1024 * 1024

/**
 * Writes the committed records of a stored partition, in order, and notes in the map where each went. Runs of small batches become full
 * ones, up to the next control batch; others go as they are but for their header, or are rebuilt: thinned ones, those across the
 * partition's bounds and those with LogAppendTime. Gives the number of records and bytes. Throws `artifact-damaged`, `artifact-missing`, `kafka-corrupt`, `restore-mismatch`.
 */
export async function restorePartition(options: PartitionRestore): Promise<{ records: bigint; bytes: number }> {
  const { client, topic, part, producer, startOffset, offsetMap } = options
  // A broker works on one request of a connection at a time: partitions share two, and their batches the requests.
  const lane = `records ${part.partition % 2}`
  const sender = openBatchSender({ client, lane, topic, partition: part.partition, producer, startOffset, loaded: options.loaded ?? 0n })
  const isAborted = abortFilter(part.aborted)
  addPartition(offsetMap, topic, part.partition, startOffset)
  let target = startOffset
  let bytes = 0
  let unsaid = 0
  const { chunks, runs } = poolsOf(client)
  const shared = shareChunks(chunks)
  const merger = mergeBatches(Math.min(fullBatch, options.maxMessageBytes ?? fullBatch), runs)
  /** `deltas` are what is left of a batch; undefined when it is all of it. */
  const noteRuns = ({ baseOffset, recordCount }: BatchHeader, deltas: number[] | undefined) => {
    if (deltas === undefined) {
      addRun(offsetMap, topic, part.partition, { source: baseOffset, target, count: BigInt(recordCount) })
      target += BigInt(recordCount)
      return
    }
    for (const delta of deltas) {
      addRun(offsetMap, topic, part.partition, { source: baseOffset + BigInt(delta), target, count: 1n })
      target++
    }
  }
  const sendRun = async () => {
    const merged = merger.take()
    if (merged !== undefined) await sender.send(merged.bytes, merged.recordCount, () => runs.give(merged.bytes))
  }
  const isInside = (offset: bigint) => offset >= part.startOffset && offset < part.endOffset
  for (const artifact of part.artifacts) {
    for await (const batch of storedBatches(options.reader, artifact, topic, part.partition, { pool: chunks, over: shared.over })) {
      if (client.context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while restoring topics')
      const { header } = batch
      bytes += header.size
      unsaid += header.size
      if (unsaid >= sayEvery) {
        options.onBytes(unsaid)
        unsaid = 0
      }
      // A transaction ends here: what comes after it is not sent together with what came before.
      if (header.control) await sendRun()
      if (header.control || header.recordCount === 0 || isAborted(header)) continue
      const keep = isInside(header.baseOffset) && isInside(header.lastOffset) ? undefined : isInside
      if (isSmall(header)) {
        const inflated = recordBytes(batch.bytes, header)
        if (!merger.fits(header, inflated.length)) await sendRun()
        if (merger.fits(header, inflated.length)) {
          noteRuns(header, merger.add(header, inflated, keep))
          continue
        }
      }
      await sendRun()
      if (keep === undefined && isDense(header) && !header.logAppendTime) {
        await sender.send(batch.bytes, header.recordCount, shared.hold(batch.bytes))
        noteRuns(header, undefined)
        continue
      }
      const rebuilt = rebuildBatch(batch.bytes, header, isInside)
      if (rebuilt === undefined) continue
      await sender.send(rebuilt.bytes, rebuilt.recordCount)
      noteRuns(header, rebuilt.keptDeltas)
    }
  }
  await sendRun()
  await sender.flush()
  options.onBytes(unsaid)
  return { records: target - startOffset, bytes }
}

/** Memory that all partitions of a restore pass on to one another: what is read, and what is made of it. */
function poolsOf(client: KafkaClient): { chunks: BufferPool; runs: BufferPool } {
  const known = pools.get(client)
  if (known !== undefined) return known
  const made = { chunks: new BufferPool({ bytes: 1024 * 1024, kept: 16 }), runs: new BufferPool({ bytes: fullBatch, kept: 24 }) }
  pools.set(client, made)
  return made
}

const pools = new WeakMap<KafkaClient, { chunks: BufferPool; runs: BufferPool }>()

/** True when sending the batch by itself would cost more than writing its records into a full one. */
function isSmall({ codec, size, recordCount }: BatchHeader): boolean {
  return codec === 'none' ? size <= 128 * 1024 && recordCount <= 256 : size <= 4 * 1024 && recordCount <= 16
}

/** Where the chunks of an artifact come from, and who is told when one has been read to its end. */
interface ChunkReuse {
  pool: BufferPool
  over: (chunk: Uint8Array) => void
}

/** The batches of one artifact, CRCs checked. Errors say which artifact, partition and offsets. */
export async function* storedBatches(
  reader: ArtifactReader,
  artifact: BatchArtifact,
  topic: string,
  partition: number,
  reuse?: ChunkReuse,
): AsyncGenerator<RawBatch> {
  const place = `${artifact.path} (${topic}/${partition}, offsets ${artifact.firstOffset} to ${artifact.lastOffset})`
  try {
    const found = findArtifact(reader, artifact.path)
    const bytes = artifact.path.endsWith(zstdSuffix)
      ? readBatches(inflated(reader.read(found)))
      : readBatches(reader.read(found, reuse?.pool), reuse?.over)
    for await (const batch of bytes) {
      checkBatchCrc(batch.bytes, batch.header)
      yield batch
    }
  } catch (error) {
    if (isZstdFault(error))
      throw new DatapipeError('artifact-damaged', `zstd data that cannot be inflated in ${place}`, { path: artifact.path, cause: error })
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
