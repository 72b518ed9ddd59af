import { DatapipeError } from '../../base/errors.ts'
import { buildBatch } from '../../clients/kafka/build-batch.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import type { RawBatch } from '../../clients/kafka/read-batches.ts'
import { isDense } from '../../clients/kafka/record-batch.ts'
import { type KafkaRecord, readRecords } from '../../clients/kafka/records.ts'
import { deleteRecords } from '../../clients/kafka/topic-admin.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { openExactWriter } from './exact-writer.ts'
import { mostMarkers } from './kept-offsets.ts'
import { addPartition, addRun, type OffsetMap } from './offset-map.ts'
import type { PartitionPart } from './part.ts'
import { abortFilter } from './read-committed.ts'
import { hasTimes, isInTime, type RecordRange } from './record-range.ts'
import { storedBatches } from './restore-partition.ts'

export interface PartitionPreservation {
  client: KafkaClient
  lane: string
  reader: ArtifactReader
  topic: string
  part: PartitionPart
  range: RecordRange | undefined
  /** The partition's end before the restore. */
  startOffset: bigint
  offsetMap: OffsetMap
  onBytes: (bytes: number) => void
}

export interface PreservedPartition {
  records: bigint
  bytes: number
  /** Transaction markers that stand where the source had offsets without records. */
  markers: bigint
  /** Log start: the offset of the first record, or the end where there is none. */
  start: bigint
}

/**
 * Writes the committed records of a stored partition at their own offsets. Offsets before the first one: records of nothing, deleted again,
 * so that the log starts there. Offsets without a record between and behind: transaction markers, which no client sees; the end is the
 * source's. Throws `offsets-not-kept`, and as `restorePartition`.
 */
export async function preservePartition(options: PartitionPreservation): Promise<PreservedPartition> {
  const { client, lane, topic, part, range, offsetMap } = options
  const item = `${topic}/${part.partition}`
  const writer = await openExactWriter({ client, lane, topic, partition: part.partition, end: options.startOffset })
  const isAborted = abortFilter(part.aborted)
  let start: bigint | undefined
  let records = 0n
  let markers = 0n
  let bytes = 0
  const goTo = async (offset: bigint) => {
    if (start === undefined) {
      start = offset
      await writer.fillTo(offset)
      return
    }
    markers += offset - writer.end
    if (markers > mostMarkers) {
      throw new DatapipeError('offsets-not-kept', `${item} has more than ${mostMarkers} offsets without a record between its records`, {
        path: `kafka/topics/${item}`,
      })
    }
    await writer.markTo(offset)
  }
  for (const artifact of part.artifacts) {
    for await (const batch of storedBatches(options.reader, artifact, topic, part.partition)) {
      if (client.context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while restoring topics')
      options.onBytes(batch.header.size)
      bytes += batch.header.size
      if (batch.header.control || batch.header.recordCount === 0 || isAborted(batch.header)) continue
      for (const run of runsOf(batch, part, range)) {
        await goTo(run.offset)
        await writer.write(run.batch, run.count)
        records += BigInt(run.count)
      }
    }
  }
  if (start === undefined && part.endOffset < writer.end) throw new RangeError(`${item} begins behind its end`)
  await goTo(part.endOffset)
  const first = start ?? part.endOffset
  if (first > 0n) await deleteRecords(client, topic, part.partition, first)
  addPartition(offsetMap, topic, part.partition, part.endOffset)
  if (part.endOffset > first) addRun(offsetMap, topic, part.partition, { source: first, target: first, count: part.endOffset - first })
  return { records, bytes, markers, start: first }
}

interface Run {
  offset: bigint
  count: number
  batch: Buffer
}

/** The wanted records of a batch as batches without holes: the batch itself where it has none. */
function* runsOf({ bytes, header }: RawBatch, part: PartitionPart, range: RecordRange | undefined): Generator<Run> {
  const inside = header.baseOffset >= part.startOffset && header.lastOffset < part.endOffset
  if (inside && isDense(header) && !header.logAppendTime && !hasTimes(range)) {
    yield { offset: header.baseOffset, count: header.recordCount, batch: bytes }
    return
  }
  let run: KafkaRecord[] = []
  const built = (): Run[] => {
    const [first] = run
    if (first === undefined) return []
    return [{ offset: first.offset, count: run.length, batch: buildBatch({ baseOffset: first.offset, records: run, codec: header.codec }) }]
  }
  for (const record of readRecords(bytes, header)) {
    if (record.offset < part.startOffset || record.offset >= part.endOffset || !isInTime(range, record.timestamp)) continue
    const last = run.at(-1)
    if (last !== undefined && last.offset + 1n !== record.offset) {
      yield* built()
      run = []
    }
    run.push(record)
  }
  yield* built()
}
