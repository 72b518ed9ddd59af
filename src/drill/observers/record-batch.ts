import { DatapipeError } from '../../base/errors.ts'
import { crc32c } from './crc32c.ts'
import { decompress } from './decompress.ts'

/**
 * The drill's own reader of record batches, format 2 (the engine has another one; neither knows the other):
 *
 *   batch   => baseOffset:i64 length:i32 leaderEpoch:i32 magic:i8=2 crc:u32 attributes:i16 lastOffsetDelta:i32
 *              baseTimestamp:i64 maxTimestamp:i64 producerId:i64 producerEpoch:i16 baseSequence:i32 count:i32 records
 *   record  => length:varint attributes:i8 timestampDelta:varlong offsetDelta:varint key:varbytes value:varbytes
 *              headerCount:varint (name:varbytes value:varbytes)*
 *
 * attributes: bits 0–2 codec, 3 log append time, 4 transactional, 5 control. The CRC-32C covers attributes to end.
 */
export interface DecodedBatch {
  baseOffset: bigint
  /** The offset after the batch; compaction may have removed records, never this range. */
  nextOffset: bigint
  producerId: bigint
  transactional: boolean
  control: boolean
  records: DecodedRecord[]
}

export interface DecodedRecord {
  offset: bigint
  timestamp: bigint
  key: Buffer | null
  value: Buffer | null
  /** In order, duplicates kept. */
  headers: [name: string, value: Buffer | null][]
}

const headBytes = 61

/** Every whole batch in a fetch answer; a cut-off last one is left out. Throws `kafka-corrupt` on a wrong CRC or an unreadable record. */
export function decodeBatches(bytes: Buffer, path: string): DecodedBatch[] {
  const batches: DecodedBatch[] = []
  let at = 0
  while (bytes.length - at >= headBytes) {
    const size = 12 + bytes.readInt32BE(at + 8)
    if (bytes.length - at < size) break
    const batch = bytes.subarray(at, at + size)
    try {
      batches.push(decodeBatch(batch))
    } catch (cause) {
      throw new DatapipeError('kafka-corrupt', `record batch at offset ${batch.readBigInt64BE(0)} cannot be read`, { path, cause })
    }
    at += size
  }
  return batches
}

function decodeBatch(batch: Buffer): DecodedBatch {
  const magic = batch.readInt8(16)
  if (magic !== 2) throw new Error(`message format ${magic} instead of 2`)
  if (crc32c(batch.subarray(21)) !== batch.readUInt32BE(17)) throw new Error('wrong crc-32c')
  const attributes = batch.readInt16BE(21)
  const baseOffset = batch.readBigInt64BE(0)
  const baseTimestamp = batch.readBigInt64BE(27)
  const appendTime = (attributes & 8) !== 0 ? batch.readBigInt64BE(35) : undefined
  const count = batch.readInt32BE(57)
  const cursor = new Cursor(decompress(attributes & 7, batch.subarray(headBytes)))
  const records: DecodedRecord[] = []
  for (let index = 0; index < count; index++) {
    const end = Number(cursor.varint()) + cursor.at
    cursor.skip(1)
    const timestamp = baseTimestamp + cursor.varint()
    const offset = baseOffset + cursor.varint()
    const key = cursor.bytes()
    const value = cursor.bytes()
    const headers: [string, Buffer | null][] = []
    for (let left = Number(cursor.varint()); left > 0; left--) headers.push([cursor.bytes()?.toString('utf8') ?? '', cursor.bytes()])
    if (cursor.at !== end) throw new Error(`record ${index} ends at byte ${cursor.at} instead of ${end}`)
    records.push({ offset, timestamp: appendTime ?? timestamp, key, value, headers })
  }
  return {
    baseOffset,
    nextOffset: baseOffset + BigInt(batch.readInt32BE(23)) + 1n,
    producerId: batch.readBigInt64BE(43),
    transactional: (attributes & 16) !== 0,
    control: (attributes & 32) !== 0,
    records,
  }
}

class Cursor {
  at = 0
  private readonly buffer: Buffer
  constructor(buffer: Buffer) {
    this.buffer = buffer
  }
  skip(bytes: number): void {
    this.at += bytes
  }
  /** Zigzag, 7 bits a byte, least significant first. */
  varint(): bigint {
    let result = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.buffer[this.at++]
      if (byte === undefined) throw new Error('record data ends too early')
      result |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, (result >> 1n) ^ -(result & 1n))
    }
    throw new Error('varint too long')
  }
  bytes(): Buffer | null {
    const length = Number(this.varint())
    if (length < 0) return null
    if (this.at + length > this.buffer.length) throw new Error('record data ends too early')
    this.at += length
    return this.buffer.subarray(this.at - length, this.at)
  }
}
