import { AvroDataError, endOfData } from './avro-data-error.ts'

/** Avro binary data and a place in it (https://avro.apache.org/docs/1.11.1/specification/#binary-encoding). */
export interface BinarySource {
  bytes: Buffer
  at: number
  /** Where the data ends. */
  end: number
}

/** A zigzag varint of 32 bits. Throws AvroDataError. */
export function readInt(source: BinarySource): number {
  const { bytes, end } = source
  let at = source.at
  let raw = 0
  for (let shift = 0; shift < 35; shift += 7) {
    if (at >= end) throw endOfData()
    const byte = bytes[at++] as number
    raw |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      source.at = at
      return (raw >>> 1) ^ -(raw & 1)
    }
  }
  throw new AvroDataError('org.apache.avro.InvalidNumberEncodingException', 'Invalid int encoding')
}

/** A zigzag varint of 64 bits: a number where that is exact (53 bits), otherwise a bigint. Throws AvroDataError. */
export function readLong(source: BinarySource): number | bigint {
  const { bytes, end } = source
  let at = source.at
  let low = 0
  let middle = 0
  let high = 0
  for (let index = 0; index < 10; index++) {
    if (at >= end) throw endOfData()
    const byte = bytes[at++] as number
    const bits = byte & 0x7f
    if (index < 4) low |= bits << (7 * index)
    else if (index < 8) middle |= bits << (7 * (index - 4))
    else high |= bits << (7 * (index - 8))
    if (byte >= 0x80) continue
    source.at = at
    if (high === 0 && middle < 0x1000000) {
      const half = middle * 0x8000000 + (low >>> 1)
      return low & 1 ? -half - 1 : half
    }
    const raw = BigInt.asUintN(64, (BigInt(high) << 56n) | (BigInt(middle) << 28n) | BigInt(low))
    return BigInt.asIntN(64, (raw >> 1n) ^ -(raw & 1n))
  }
  throw new AvroDataError('org.apache.avro.InvalidNumberEncodingException', 'Invalid long encoding')
}

/** Java's limit for arrays: longer strings and byte sequences are refused before they are read. */
const longest = 2_147_483_639

/** The length of bytes or a string that lies in the source from `at` on. Throws AvroDataError. */
export function readLength(source: BinarySource, what: 'bytes' | 'strings'): number {
  const length = Number(readLong(source))
  if (length < 0) throw new AvroDataError('org.apache.avro.AvroRuntimeException', `Malformed data. Length is negative: ${length}`)
  if (length > longest) {
    throw new AvroDataError('java.lang.UnsupportedOperationException', `Cannot read ${what} longer than ${longest} bytes in Java library`)
  }
  if (length > source.end - source.at) throw endOfData()
  return length
}

/** The number of items in the next block of an array or map; 0 ends it. A negative count has the block's size in bytes behind it. */
export function readBlockCount(source: BinarySource): number {
  const count = Number(readLong(source))
  if (count >= 0) return count
  readLong(source)
  return -count
}

/** Moves over bytes of a known number. Throws AvroDataError when they are not all there. */
export function take(source: BinarySource, length: number): number {
  const from = source.at
  if (length > source.end - from) throw endOfData()
  source.at = from + length
  return from
}
