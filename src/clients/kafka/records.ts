import { DatapipeError } from '../../base/errors.ts'
import { decompress } from './compression.ts'
import { type BatchHeader, batchHeaderSize } from './record-batch.ts'
import { type Cursor, readVarint, readVarlong } from './varint.ts'

/*
  Record => length attributes timestampDelta offsetDelta keyLength key valueLength value headerCount [header]
    length         VARINT   bytes after it
    attributes     INT8     unused
    timestampDelta VARLONG
    offsetDelta    VARINT
    keyLength, valueLength  VARINT, -1 for null
    header => keyLength (VARINT) key valueLength (VARINT, -1 for null) value
*/

export interface RecordHeader {
  key: Buffer
  value: Buffer | null
}

/** Null, empty and missing are different things for key, value and header values. Header order and duplicates are kept. */
export interface KafkaRecord {
  offset: bigint
  /** Milliseconds since 1970, as the broker presents it: with LogAppendTime the batch's maximum. */
  timestamp: bigint
  key: Buffer | null
  value: Buffer | null
  headers: RecordHeader[]
}

/** The records of one batch as bytes, inflated. Throws `kafka-corrupt` when the codec fails. */
export function recordBytes(batch: Buffer, header: BatchHeader): Buffer {
  try {
    return decompress(header.codec, batch.subarray(batchHeaderSize, header.size))
  } catch (cause) {
    throw new DatapipeError('kafka-corrupt', `${header.codec} data of the record batch at offset ${header.baseOffset} cannot be inflated`, { cause })
  }
}

/** Every record of a batch, in order; keys and values are views of the batch. Throws `kafka-corrupt`. */
export function* readRecords(batch: Buffer, header: BatchHeader): Generator<KafkaRecord> {
  const cursor: Cursor = { bytes: recordBytes(batch, header), at: 0 }
  for (let index = 0; index < header.recordCount; index++) yield parsed(header, () => readRecord(cursor, header))
  if (cursor.at !== cursor.bytes.length) throw corrupt(header, `${cursor.bytes.length - cursor.at} bytes after the last record`)
}

function readRecord(cursor: Cursor, header: BatchHeader): KafkaRecord {
  const length = readVarint(cursor)
  const end = cursor.at + length
  if (length < 0 || end > cursor.bytes.length) throw new RangeError(`a record of ${length} bytes`)
  cursor.at++
  const timestampDelta = readVarlong(cursor)
  const offset = header.baseOffset + BigInt(readVarint(cursor))
  const key = readBytes(cursor)
  const value = readBytes(cursor)
  const headers: RecordHeader[] = []
  const count = readVarint(cursor)
  for (let index = 0; index < count; index++) {
    const name = readBytes(cursor)
    if (name === null) throw new RangeError('a header without a key')
    headers.push({ key: name, value: readBytes(cursor) })
  }
  if (cursor.at !== end) throw new RangeError(`a record that ends at ${cursor.at} instead of ${end}`)
  return { offset, timestamp: header.logAppendTime ? header.maxTimestamp : header.baseTimestamp + timestampDelta, key, value, headers }
}

/** A VARINT length and that many bytes; null for -1. */
export function readBytes(cursor: Cursor): Buffer | null {
  const length = readVarint(cursor)
  if (length < 0) return null
  const end = cursor.at + length
  if (end > cursor.bytes.length) throw new RangeError(`${length} bytes wanted, ${cursor.bytes.length - cursor.at} there`)
  const bytes = cursor.bytes.subarray(cursor.at, end)
  cursor.at = end
  return bytes
}

/** Runs a parser over a batch's records and turns its RangeError into `kafka-corrupt` with the batch's place. */
export function parsed<T>(header: BatchHeader, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw corrupt(header, cause.message, cause)
  }
}

function corrupt(header: BatchHeader, what: string, cause?: unknown): DatapipeError {
  return new DatapipeError('kafka-corrupt', `the record batch of offsets ${header.baseOffset} to ${header.lastOffset} cannot be parsed: ${what}`, {
    cause,
  })
}

/** What a control batch says about its producer's transaction; undefined for control records of other kinds. */
export function readMarker(batch: Buffer, header: BatchHeader): 'commit' | 'abort' | undefined {
  for (const { key } of readRecords(batch, header)) {
    if (key === null || key.length < 4) return undefined
    const type = key.readInt16BE(2)
    return type === 0 ? 'abort' : type === 1 ? 'commit' : undefined
  }
  return undefined
}
