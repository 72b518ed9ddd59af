import { type Codec, codecs, compress } from './compression.ts'
import { writeBatch } from './record-batch.ts'
import type { KafkaRecord } from './records.ts'
import { varintSize, writeVarint, writeVarlong } from './varint.ts'

export interface BatchToBuild {
  baseOffset: bigint
  records: KafkaRecord[]
  codec?: Codec
  /** Kept when greater than the last record's: a batch whose end was compacted away. */
  lastOffset?: bigint
  producerId?: bigint
  transactional?: boolean
  control?: boolean
  /** With it, record timestamps are written as they are and presented as `maxTimestamp`. */
  logAppendTime?: bigint
}

/** Builds a stored batch from records with offsets of one's choice. */
export function buildBatch(options: BatchToBuild): Buffer {
  const { baseOffset, records } = options
  const baseTimestamp = records[0]?.timestamp ?? 0n
  const lastOffset = options.lastOffset ?? records.at(-1)?.offset ?? baseOffset
  const flags = (options.logAppendTime === undefined ? 0 : 0x08) | (options.transactional ? 0x10 : 0) | (options.control ? 0x20 : 0)
  const codec = options.codec ?? 'none'
  const batch = writeBatch({
    baseOffset,
    attributes: codecs.indexOf(codec) | flags,
    lastOffsetDelta: Number(lastOffset - baseOffset),
    baseTimestamp,
    maxTimestamp: options.logAppendTime ?? latest(records, baseTimestamp),
    recordCount: records.length,
    records: compress(codec, Buffer.concat(records.map((record) => encodeRecord(record, baseOffset, baseTimestamp)))),
    producerId: options.producerId ?? -1n,
  })
  return batch
}

function latest(records: KafkaRecord[], atLeast: bigint): bigint {
  let max = atLeast
  for (const { timestamp } of records) if (timestamp > max) max = timestamp
  return max
}

function encodeRecord(record: KafkaRecord, baseOffset: bigint, baseTimestamp: bigint): Buffer {
  const body = Buffer.concat([
    Buffer.from([0]),
    varlong(record.timestamp - baseTimestamp),
    varint(Number(record.offset - baseOffset)),
    lengthAnd(record.key),
    lengthAnd(record.value),
    varint(record.headers.length),
    ...record.headers.flatMap(({ key, value }) => [lengthAnd(key), lengthAnd(value)]),
  ])
  return Buffer.concat([varint(body.length), body])
}

function lengthAnd(bytes: Buffer | null): Buffer {
  return bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes])
}

function varint(value: number): Buffer {
  const bytes = Buffer.alloc(varintSize(value))
  writeVarint(bytes, 0, value)
  return bytes
}

function varlong(value: bigint): Buffer {
  const bytes = Buffer.alloc(10)
  return bytes.subarray(0, writeVarlong(bytes, 0, value))
}
