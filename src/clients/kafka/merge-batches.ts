import type { BufferPool } from '../../base/buffer-pool.ts'
import { type Codec, compress } from './compression.ts'
import { type BatchHeader, batchHeaderSize, isDense, sealBatch } from './record-batch.ts'
import { parsed } from './records.ts'
import { type Cursor, readVarint, readVarlong, skipVarint, varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts'

/** Which records of a batch are wanted, by offset and timestamp. */
export type KeepRecord = (offset: bigint, timestamp: bigint) => boolean

export interface MergedBatch {
  bytes: Buffer
  recordCount: number
}

export interface BatchMerger {
  /** True when a batch with so many bytes of inflated records may join the run as it is now. An empty run takes every kind of batch. */
  fits(header: BatchHeader, inflated: number): boolean
  /**
   * Appends the batch's records to the run, those that `keep` wants or all of them. Gives their deltas in the source batch, ascending;
   * undefined when it was all of a batch without holes. Only what fits may be added. Throws `kafka-corrupt`.
   */
  add(header: BatchHeader, inflated: Buffer, keep?: KeepRecord): number[] | undefined
  /** The run as one batch of base offset 0, and begins another; undefined while there is no record in it. */
  take(): MergedBatch | undefined
}

/** Most that a record can grow: its timestamp and offset deltas become longer, and its length with them. */
const mostGrowth = 10 + 4 + 1
/** Codecs can lengthen what they cannot shorten: snappy by a sixth, the others by less. */
const afterCodec = 6 / 7
const codecOverhead = 128

/**
 * Makes full batches out of runs of small ones: a broker takes one batch per partition and request, so that sending them as they were takes
 * a request for each. Keys, values, headers, timestamps, order and codec stay; offset deltas are counted anew from 0, and timestamp deltas
 * where the batches have different bases. With LogAppendTime the timestamp that the broker presented becomes the record's own. A run is
 * of one codec and one timestamp type, and all transactional or all not. No merged batch is larger than `mostBytes`. Its memory comes from
 * `pool`, and may be given back there.
 */
export function mergeBatches(mostBytes: number, pool?: BufferPool): BatchMerger {
  const capacity = Math.floor((mostBytes - batchHeaderSize - codecOverhead) * afterCodec)
  let first: BatchHeader | undefined
  let run: Buffer | undefined
  let at = batchHeaderSize
  let count = 0
  let maxTimestamp: bigint | undefined
  const baseOf = (header: BatchHeader) => (header.logAppendTime ? header.maxTimestamp : header.baseTimestamp)

  return {
    fits(header, inflated) {
      const room = capacity + batchHeaderSize - at
      if (inflated + header.recordCount * mostGrowth > room) return false
      if (first === undefined) return true
      return (
        first.codec === header.codec &&
        first.logAppendTime === header.logAppendTime &&
        first.transactional === header.transactional &&
        isNear(baseOf(header) - baseOf(first))
      )
    },
    add(header, inflated, keep) {
      first ??= header
      run ??= pool?.take(batchHeaderSize + capacity) ?? Buffer.allocUnsafeSlow(batchHeaderSize + capacity)
      const deltas = keep === undefined && isDense(header) ? undefined : []
      const added = appendRecords({ run, at, count }, { header, inflated, keep, shift: baseOf(header) - baseOf(first), deltas })
      if (added.count > count && (maxTimestamp === undefined || added.latest > maxTimestamp)) maxTimestamp = added.latest
      at = added.at
      count = added.count
      return deltas
    },
    take() {
      const [header, buffer, recordCount, end] = [first, run, count, at]
      const latest = maxTimestamp ?? 0n
      first = undefined
      maxTimestamp = undefined
      at = batchHeaderSize
      count = 0
      if (header === undefined || buffer === undefined || recordCount === 0) return undefined
      const bytes = inCodec(header.codec, buffer, end)
      // Sent as it is while the next run is filled; a short one is not worth its buffer.
      if (bytes.buffer === buffer.buffer) run = undefined
      const attributes = header.attributes & 0x07
      return { bytes: sealBatch(bytes, { attributes, baseTimestamp: baseOf(header), maxTimestamp: latest, recordCount }), recordCount }
    },
  }
}

interface Addition {
  header: BatchHeader
  inflated: Buffer
  keep: KeepRecord | undefined
  /** From the run's base timestamp to this batch's. */
  shift: bigint
  /** Takes in the deltas of what was kept. */
  deltas: number[] | undefined
}

/** Writes the wanted records behind what the run has. Gives its new end and count, and the greatest timestamp among those added. */
function appendRecords(place: { run: Buffer; at: number; count: number }, { header, inflated, keep, shift, deltas }: Addition) {
  const { run } = place
  let { at, count } = place
  const { logAppendTime } = header
  const source: Cursor = { bytes: inflated, at: 0 }
  const verbatim = shift === 0n && !logAppendTime
  const near = shift < smallLimit && shift > -smallLimit ? Number(shift) : undefined
  let latest = header.maxTimestamp
  let judged = false
  parsed(header, () => {
    for (let index = 0; index < header.recordCount; index++) {
      const length = readVarint(source)
      const end = source.at + length
      if (length < 0 || end > inflated.length) throw new RangeError(`a record of ${length} bytes`)
      const attributes = inflated[source.at++] ?? 0
      const timestampFrom = source.at
      skipVarint(source)
      const timestampTo = source.at
      const delta = readVarint(source)
      if (keep !== undefined) {
        const timestamp = logAppendTime ? header.maxTimestamp : header.baseTimestamp + readVarlong({ bytes: inflated, at: timestampFrom })
        if (!keep(header.baseOffset + BigInt(delta), timestamp)) {
          source.at = end
          continue
        }
        if (!judged || timestamp > latest) latest = timestamp
        judged = true
      }
      // Small numbers first: a 64-bit one costs as much as the rest of the record.
      let timestampDelta: number | bigint = 0
      if (!verbatim) {
        const small = timestampTo - timestampFrom <= 4 && near !== undefined
        if (logAppendTime) timestampDelta = near ?? shift
        else if (small) timestampDelta = readVarint({ bytes: inflated, at: timestampFrom }) + near
        else timestampDelta = readVarlong({ bytes: inflated, at: timestampFrom }) + shift
      }
      const timestampSize = verbatim ? timestampTo - timestampFrom : varlongSize(timestampDelta)
      at = writeVarint(run, at, 1 + timestampSize + varintSize(count) + end - source.at)
      run[at++] = attributes
      if (verbatim) for (let from = timestampFrom; from < timestampTo; from++) run[at++] = inflated[from] ?? 0
      else at = writeVarlong(run, at, timestampDelta)
      at = writeVarint(run, at, count++)
      at += inflated.copy(run, at, source.at, end)
      source.at = end
      deltas?.push(delta)
    }
    if (source.at !== inflated.length) throw new RangeError(`${inflated.length - source.at} bytes after the last record`)
  })
  return { at, count, latest }
}

/** A buffer of its own for the records in their codec, with room for a header in front; the run's own where nothing has to be compressed. */
function inCodec(codec: Codec, run: Buffer, end: number): Buffer {
  if (codec === 'none') return end * 4 > run.length ? run.subarray(0, end) : Buffer.from(run.subarray(0, end))
  const records = compress(codec, run.subarray(batchHeaderSize, end))
  return Buffer.concat([run.subarray(0, batchHeaderSize), records])
}

/** A sum of two such numbers is exact in a double. */
const smallLimit = 2n ** 51n
/** Differences beyond this are left to batches of their own: sums of them must stay 64-bit numbers. */
const isNear = (difference: bigint) => difference < 2n ** 61n && difference > -(2n ** 61n)
