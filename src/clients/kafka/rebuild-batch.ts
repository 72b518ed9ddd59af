import { compress } from './compression.ts'
import { type BatchHeader, writeBatch } from './record-batch.ts'
import { parsed, recordBytes } from './records.ts'
import { type Cursor, readVarint, readVarlong, varintSize, writeVarint } from './varint.ts'

export interface RebuiltBatch {
  bytes: Buffer
  recordCount: number
  /** The source offsets of its records, as deltas to the source batch's base offset, ascending. */
  keptDeltas: number[]
}

/**
 * Writes a batch anew with only the records that `keep` wants by offset and timestamp, their offset deltas closed up to 0…n-1: what a broker demands of
 * a batch that compaction has thinned. Keys, values, headers, timestamps and codec are kept. With LogAppendTime the timestamp that the
 * broker presented (the batch's maximum) becomes the record's own. Undefined when no record is left. Throws `kafka-corrupt`.
 */
export function rebuildBatch(batch: Buffer, header: BatchHeader, keep: (offset: bigint, timestamp: bigint) => boolean): RebuiltBatch | undefined {
  const source: Cursor = { bytes: recordBytes(batch, header), at: 0 }
  // A closed-up delta and a zeroed timestamp never take more room than what they replace.
  const target = Buffer.allocUnsafe(source.bytes.length)
  const keptDeltas: number[] = []
  let at = 0
  let maxTimestamp = -1n
  parsed(header, () => {
    for (let index = 0; index < header.recordCount; index++) {
      const length = readVarint(source)
      const end = source.at + length
      if (length < 0 || end > source.bytes.length) throw new RangeError(`a record of ${length} bytes`)
      const attributes = source.bytes[source.at++] ?? 0
      const timestampFrom = source.at
      const timestampDelta = readVarlong(source)
      const timestampTo = source.at
      const delta = readVarint(source)
      const body = source.bytes.subarray(source.at, end)
      source.at = end
      const timestamp = header.logAppendTime ? header.maxTimestamp : header.baseTimestamp + timestampDelta
      if (!keep(header.baseOffset + BigInt(delta), timestamp)) continue
      const newDelta = keptDeltas.length
      if (timestamp > maxTimestamp) maxTimestamp = timestamp
      const timestampSize = header.logAppendTime ? 1 : timestampTo - timestampFrom
      at = writeVarint(target, at, 1 + timestampSize + varintSize(newDelta) + body.length)
      target[at++] = attributes
      if (header.logAppendTime) target[at++] = 0
      else at += source.bytes.copy(target, at, timestampFrom, timestampTo)
      at = writeVarint(target, at, newDelta)
      at += body.copy(target, at)
      keptDeltas.push(delta)
    }
  })
  if (keptDeltas.length === 0) return undefined
  const bytes = writeBatch({
    baseOffset: header.baseOffset,
    attributes: header.attributes & 0x07,
    lastOffsetDelta: keptDeltas.length - 1,
    baseTimestamp: header.logAppendTime ? header.maxTimestamp : header.baseTimestamp,
    maxTimestamp,
    recordCount: keptDeltas.length,
    records: compress(header.codec, target.subarray(0, at)),
  })
  return { bytes, recordCount: keptDeltas.length, keptDeltas }
}
