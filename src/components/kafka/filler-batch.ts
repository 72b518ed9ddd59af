import { compress } from '../../clients/kafka/compression.ts'
import { writeBatch } from '../../clients/kafka/record-batch.ts'
import { varintSize, writeVarint } from '../../clients/kafka/varint.ts'

/**
 * A batch of `count` records of nothing: the cheapest way to make a partition's end move. A broker takes from clients only batches in which
 * every offset has a record (LogValidator: "inconsistent batch offset range"), so offsets cost 7 to 11 bytes each, or half a byte with zstd.
 */
export function fillerBatch(count: number): Buffer {
  const records = Buffer.alloc(count * 11)
  let at = 0
  for (let delta = 0; delta < count; delta++) {
    // attributes, timestamp delta 0, offset delta, key null (-1), value null (-1), no headers
    at = writeVarint(records, at, 2 + varintSize(delta) + 3)
    at += 2
    at = writeVarint(records, at, delta)
    at = writeVarint(records, at, -1)
    at = writeVarint(records, at, -1)
    at++
  }
  return writeBatch({
    baseOffset: 0n,
    attributes: 4,
    lastOffsetDelta: count - 1,
    baseTimestamp: 0n,
    maxTimestamp: 0n,
    recordCount: count,
    records: compress('zstd', records.subarray(0, at)),
  })
}
