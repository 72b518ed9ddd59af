import { DatapipeError } from '../../base/errors.ts'
import { type Codec, codecs } from './compression.ts'
import { crc32c, crcAfterChange } from './crc.ts'

/*
  RecordBatch, format 2 (KIP-98), big-endian:
     0 baseOffset           INT64
     8 batchLength          INT32   bytes after this field
    12 partitionLeaderEpoch INT32
    16 magic                INT8    2
    17 crc                  UINT32  CRC-32C of everything from attributes to the end
    21 attributes           INT16   0-2 codec, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon (KIP-534)
    23 lastOffsetDelta      INT32   kept when compaction removes the last records
    27 baseTimestamp        INT64   what the records' timestamp deltas count from
    35 maxTimestamp         INT64   with LogAppendTime: the timestamp of every record
    43 producerId           INT64
    51 producerEpoch        INT16
    53 baseSequence         INT32
    57 recordCount          INT32
    61 records
*/
export const batchHeaderSize = 61
const crcFrom = 21
const logAppendTimeBit = 0x08
const transactionalBit = 0x10
const controlBit = 0x20
const deleteHorizonBit = 0x40

export interface BatchHeader {
  baseOffset: bigint
  /** `baseOffset + lastOffsetDelta`: the offset range of a batch outlives its records. */
  lastOffset: bigint
  lastOffsetDelta: number
  /** Bytes of the whole batch, header included. */
  size: number
  /** Epoch of the leader that appended it. */
  leaderEpoch: number
  crc: number
  attributes: number
  codec: Codec
  logAppendTime: boolean
  transactional: boolean
  control: boolean
  baseTimestamp: bigint
  maxTimestamp: bigint
  producerId: bigint
  producerEpoch: number
  baseSequence: number
  recordCount: number
}

/** Bytes of the batch that starts at `at`, or undefined while its length is not there yet. Throws `kafka-corrupt` on an impossible length. */
export function batchSize(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < 12) return undefined
  const size = bytes.readInt32BE(at + 8) + 12
  if (size < batchHeaderSize) throw new DatapipeError('kafka-corrupt', `a record batch claims a length of ${size} bytes`)
  return size
}

/** Reads the header of the batch that starts at `at`. Throws `kafka-corrupt`, or `not-supported` for message formats before 2. */
export function parseBatchHeader(bytes: Buffer, at = 0): BatchHeader {
  const size = batchSize(bytes, at)
  if (size === undefined || bytes.length - at < batchHeaderSize) throw new DatapipeError('kafka-corrupt', 'a record batch ends inside its header')
  const magic = bytes.readInt8(at + 16)
  if (magic !== 2) {
    if (magic === 0 || magic === 1) throw new DatapipeError('not-supported', `message format ${magic} (before Kafka 0.11) cannot be kept`)
    throw new DatapipeError('kafka-corrupt', `a record batch has the unknown format ${magic}`)
  }
  const attributes = bytes.readInt16BE(at + 21)
  const codec = codecs[attributes & 7]
  if (codec === undefined) throw new DatapipeError('kafka-corrupt', `a record batch has the unknown codec ${attributes & 7}`)
  const baseOffset = bytes.readBigInt64BE(at)
  const lastOffsetDelta = bytes.readInt32BE(at + 23)
  const recordCount = bytes.readInt32BE(at + 57)
  if (lastOffsetDelta < 0 || recordCount < 0 || recordCount > lastOffsetDelta + 1) {
    throw new DatapipeError(
      'kafka-corrupt',
      `the record batch at offset ${baseOffset} claims ${recordCount} records in ${lastOffsetDelta + 1} offsets`,
    )
  }
  return {
    baseOffset,
    lastOffset: baseOffset + BigInt(lastOffsetDelta),
    lastOffsetDelta,
    size,
    leaderEpoch: bytes.readInt32BE(at + 12),
    crc: bytes.readUInt32BE(at + 17),
    attributes,
    codec,
    logAppendTime: (attributes & logAppendTimeBit) !== 0,
    transactional: (attributes & transactionalBit) !== 0,
    control: (attributes & controlBit) !== 0,
    baseTimestamp: bytes.readBigInt64BE(at + 27),
    maxTimestamp: bytes.readBigInt64BE(at + 35),
    producerId: bytes.readBigInt64BE(at + 43),
    producerEpoch: bytes.readInt16BE(at + 51),
    baseSequence: bytes.readInt32BE(at + 53),
    recordCount,
  }
}

/** Throws `kafka-corrupt` with the offset range when the batch's CRC-32C does not fit its bytes. `bytes` is exactly one batch. */
export function checkBatchCrc(bytes: Buffer, header: BatchHeader): void {
  const actual = crc32c(bytes, crcFrom)
  if (actual !== header.crc) {
    throw new DatapipeError(
      'kafka-corrupt',
      `the record batch of offsets ${header.baseOffset} to ${header.lastOffset} has CRC ${hex(actual)} instead of ${hex(header.crc)}`,
    )
  }
}

const hex = (value: number) => value.toString(16).padStart(8, '0')

/** True when no record of the batch is missing: every offset of its range has one. Brokers take only such batches from clients. */
export function isDense(header: BatchHeader): boolean {
  return header.recordCount === header.lastOffsetDelta + 1
}

export interface ProducerStamp {
  producerId: bigint
  producerEpoch: number
  baseSequence: number
}

/**
 * The header that makes a stored batch one that a client may send: base offset 0, no leader epoch, the stamp's producer, neither
 * transactional nor LogAppendTime nor delete horizon, CRC adjusted. `bytes` stay untouched; what follows their header goes with it as it is.
 */
export function stampedHeader(bytes: Buffer, stamp: ProducerStamp): Buffer {
  const header = Buffer.from(bytes.subarray(0, batchHeaderSize))
  header.writeBigInt64BE(0n, 0)
  header.writeInt32BE(-1, 12)
  header.writeInt16BE(bytes.readInt16BE(21) & ~(transactionalBit | logAppendTimeBit | deleteHorizonBit), 21)
  header.writeBigInt64BE(stamp.producerId, 43)
  header.writeInt16BE(stamp.producerEpoch, 51)
  header.writeInt32BE(stamp.baseSequence, 53)
  const difference = Buffer.allocUnsafe(batchHeaderSize - crcFrom)
  for (let at = crcFrom; at < batchHeaderSize; at++) difference[at - crcFrom] = (bytes[at] ?? 0) ^ (header[at] ?? 0)
  header.writeUInt32BE(crcAfterChange(bytes.readUInt32BE(17), difference, bytes.length - batchHeaderSize), 17)
  return header
}

export interface NewBatch {
  baseOffset: bigint
  attributes: number
  lastOffsetDelta: number
  baseTimestamp: bigint
  maxTimestamp: bigint
  recordCount: number
  /** Already compressed as the attributes say. */
  records: Buffer
  /** -1, no producer, when left out. */
  producerId?: bigint
}

/** A whole batch around `records`, with its CRC. */
export function writeBatch(batch: NewBatch): Buffer {
  const bytes = Buffer.allocUnsafe(batchHeaderSize + batch.records.length)
  batch.records.copy(bytes, batchHeaderSize)
  writeHeader(bytes, batch)
  return bytes
}

/** Puts the header of a dense batch of base offset 0 before records that are in their place already, and gives the same bytes. */
export function sealBatch(bytes: Buffer, batch: Pick<NewBatch, 'attributes' | 'baseTimestamp' | 'maxTimestamp' | 'recordCount'>): Buffer {
  writeHeader(bytes, { ...batch, baseOffset: 0n, lastOffsetDelta: batch.recordCount - 1 })
  return bytes
}

function writeHeader(bytes: Buffer, batch: Omit<NewBatch, 'records'>): void {
  bytes.writeBigInt64BE(batch.baseOffset, 0)
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt32BE(-1, 12)
  bytes.writeInt8(2, 16)
  bytes.writeInt16BE(batch.attributes, 21)
  bytes.writeInt32BE(batch.lastOffsetDelta, 23)
  bytes.writeBigInt64BE(batch.baseTimestamp, 27)
  bytes.writeBigInt64BE(batch.maxTimestamp, 35)
  bytes.writeBigInt64BE(batch.producerId ?? -1n, 43)
  bytes.writeInt16BE(-1, 51)
  bytes.writeInt32BE(-1, 53)
  bytes.writeInt32BE(batch.recordCount, 57)
  bytes.writeUInt32BE(crc32c(bytes, crcFrom), 17)
}
