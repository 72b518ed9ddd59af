import { DatapipeError } from '../../base/errors.ts'
import type { Context } from '../../base/context.ts'
import type { Codec } from '../../clients/kafka/compression.ts'
import { type KafkaRecord, readRecords } from '../../clients/kafka/records.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import type { PartitionPart } from './part.ts'
import { abortFilter } from './read-committed.ts'
import { isInTime, type RecordRange } from './record-range.ts'
import { storedBatches } from './restore-partition.ts'

export interface SelectedRecordsOptions {
  reader: ArtifactReader
  topic: string
  part: PartitionPart
  range: RecordRange | undefined
  context: Context
  /** Told the bytes of each batch that was read. */
  onBytes: (bytes: number) => void
}

export interface SelectedRecord extends KafkaRecord {
  /** Of the batch that it was in. */
  codec: Codec
}

/** The committed records of a stored partition that are wanted, by offset and time, one after the other. */
export async function* selectedRecords({ reader, topic, part, range, context, onBytes }: SelectedRecordsOptions): AsyncGenerator<SelectedRecord[]> {
  const isAborted = abortFilter(part.aborted)
  for (const artifact of part.artifacts) {
    for await (const { bytes, header } of storedBatches(reader, artifact, topic, part.partition)) {
      if (context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while restoring topics')
      onBytes(header.size)
      if (header.control || header.recordCount === 0 || isAborted(header)) continue
      const wanted: SelectedRecord[] = []
      for (const record of readRecords(bytes, header)) {
        if (record.offset < part.startOffset || record.offset >= part.endOffset || !isInTime(range, record.timestamp)) continue
        wanted.push({ ...record, codec: header.codec })
      }
      yield wanted
    }
  }
}
