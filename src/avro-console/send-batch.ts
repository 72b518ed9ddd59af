import { putBytes, putInt, reserve, type Sink } from '../avro/read-json-sink.ts'
import { crc32cOf } from '../clients/kafka-wire/crc32c.ts'
import type { ProducerIdentity } from '../clients/kafka-wire/wire-produce.ts'
import { type Codec, codecs, compress } from '../clients/kafka/compression.ts'

export interface RecordToSend {
  key: Uint8Array | null
  value: Uint8Array | null
  headers: { key: Uint8Array; value: Uint8Array | null }[]
}

/** Records on their way into one batch: encoded one by one, so that memory holds their bytes and nothing else. */
export interface OpenBatch {
  /** The encoded records begin at `headerSize`. */
  readonly sink: Sink
  count: number
  /** Milliseconds since 1970 of the first and of the last record. */
  firstTimestamp: number
  lastTimestamp: number
}

// The grammar of both stands in clients/kafka/record-batch.ts and records.ts.
const headerSize = 61
const crcFrom = 21
/** DefaultRecord.MAX_RECORD_OVERHEAD: length, attributes and deltas at their longest. */
const recordOverhead = 21

export function openBatch(): OpenBatch {
  return { sink: { bytes: Buffer.allocUnsafeSlow(4096), at: headerSize }, count: 0, firstTimestamp: 0, lastTimestamp: 0 }
}

/** Bytes of the whole batch, uncompressed. */
export function batchBytes(batch: OpenBatch): number {
  return batch.sink.at
}

/** Bytes of a batch with this record alone, as Java's client estimates it before it compares with `max.request.size` and `batch.size`. */
export function batchBytesOf({ key, value, headers }: RecordToSend): number {
  let size = headerSize + recordOverhead + sizedLength(key) + sizedLength(value) + zigzagSize(headers.length)
  for (const header of headers) size += sizedLength(header.key) + sizedLength(header.value)
  return size
}

export function appendRecord(batch: OpenBatch, record: RecordToSend, now: number): void {
  const { sink } = batch
  if (batch.count === 0) batch.firstTimestamp = now
  batch.lastTimestamp = Math.max(batch.lastTimestamp, now)
  const timestampDelta = now - batch.firstTimestamp
  let length = 1 + zigzagSize(timestampDelta) + zigzagSize(batch.count) + sizedLength(record.key) + sizedLength(record.value)
  length += zigzagSize(record.headers.length)
  for (const { key, value } of record.headers) length += sizedLength(key) + sizedLength(value)
  reserve(sink, length + 5)
  putInt(sink, length)
  sink.bytes[sink.at++] = 0
  putInt(sink, timestampDelta)
  putInt(sink, batch.count)
  putSized(sink, record.key)
  putSized(sink, record.value)
  putInt(sink, record.headers.length)
  for (const { key, value } of record.headers) {
    putSized(sink, key)
    putSized(sink, value)
  }
  batch.count++
}

function putSized(sink: Sink, bytes: Uint8Array | null): void {
  putInt(sink, bytes === null ? -1 : bytes.length)
  if (bytes !== null) putBytes(sink, bytes)
}

const sizedLength = (bytes: Uint8Array | null): number => (bytes === null ? 1 : zigzagSize(bytes.length) + bytes.length)

function zigzagSize(value: number): number {
  const raw = ((value << 1) ^ (value >> 31)) >>> 0
  return raw < 0x80 ? 1 : raw < 0x4000 ? 2 : raw < 0x200000 ? 3 : raw < 0x10000000 ? 4 : 5
}

export interface Stamp extends ProducerIdentity {
  /** Sequence number of the first record, -1 without an identity. */
  baseSequence: number
}

/** The bytes to send: header, compressed records, CRC. The batch is used up. */
export function finishBatch(batch: OpenBatch, codec: Codec, stamp: Stamp): Buffer {
  const { sink, count } = batch
  const records = sink.bytes.subarray(headerSize, sink.at)
  const bytes = codec === 'none' ? sink.bytes.subarray(0, sink.at) : Buffer.concat([sink.bytes.subarray(0, headerSize), compress(codec, records)])
  bytes.writeBigInt64BE(0n, 0)
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt32BE(-1, 12)
  bytes.writeInt8(2, 16)
  bytes.writeInt16BE(codecs.indexOf(codec), 21)
  bytes.writeInt32BE(count - 1, 23)
  bytes.writeBigInt64BE(BigInt(batch.firstTimestamp), 27)
  bytes.writeBigInt64BE(BigInt(batch.lastTimestamp), 35)
  bytes.writeBigInt64BE(stamp.producerId, 43)
  bytes.writeInt16BE(stamp.producerEpoch, 51)
  bytes.writeInt32BE(stamp.baseSequence, 53)
  bytes.writeInt32BE(count, 57)
  bytes.writeUInt32BE(crc32cOf(bytes, crcFrom), 17)
  return bytes
}
