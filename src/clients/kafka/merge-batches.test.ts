import { expect, test } from 'vitest'
import { seeded } from '../kafka-wire/seeded.ts'
import { buildBatch } from './build-batch.ts'
import { codecs } from './compression.ts'
import { type BatchMerger, mergeBatches } from './merge-batches.ts'
import { checkBatchCrc, isDense, parseBatchHeader } from './record-batch.ts'
import { type KafkaRecord, readRecords, recordBytes } from './records.ts'

interface Source {
  batch: Buffer
  /** What a consumer sees of it, without offsets. */
  visible: Omit<KafkaRecord, 'offset'>[]
}

/** A sequence of batches of every kind that a log may hold: gaps, thinned ones, odd timestamps, codecs and producers by turns. */
function randomLog(seed: number): Source[] {
  const random = seeded(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const bytes = (limit: number) => (random() < 0.2 ? null : Buffer.from(Array.from({ length: random() < 0.2 ? 0 : below(limit) }, () => below(256))))
  const far = [0n, -1n, 2n ** 31n, -(2n ** 33n), 60n * 86_400_000n, 253_402_300_799_000n]
  let offset = BigInt(below(1000))
  let codec = codecs[below(codecs.length)] ?? 'none'
  return Array.from({ length: 3 + below(40) }, () => {
    if (random() < 0.15) codec = codecs[below(codecs.length)] ?? 'none'
    const baseOffset = offset
    const records = Array.from({ length: random() < 0.7 ? 1 : 1 + below(12) }, (): KafkaRecord => {
      if (random() < 0.2) offset += BigInt(1 + below(90))
      const now = 1_700_000_000_000n + BigInt(below(100_000))
      return {
        offset: offset++,
        timestamp: random() < 0.15 ? (far[below(far.length)] ?? 0n) : now,
        key: bytes(20),
        value: bytes(random() < 0.1 ? 3000 : 200),
        headers: Array.from({ length: random() < 0.7 ? 0 : below(4) }, () => ({
          key: Buffer.from(['a', 'a', 'ключ', ''][below(4)] ?? ''),
          value: bytes(9),
        })),
      }
    })
    const logAppendTime = random() < 0.2 ? 1_800_000_000_000n + BigInt(below(1000)) : undefined
    if (random() < 0.2) offset += BigInt(below(5))
    const batch = buildBatch({
      baseOffset,
      records,
      codec,
      lastOffset: offset - 1n,
      producerId: BigInt(below(3)),
      transactional: random() < 0.2,
      ...(logAppendTime === undefined ? {} : { logAppendTime }),
    })
    const visible = records.map(({ offset: _, timestamp, ...rest }) => ({ ...rest, timestamp: logAppendTime ?? timestamp }))
    return { batch, visible }
  })
}

function drain(merger: BatchMerger, into: Buffer[]): void {
  const merged = merger.take()
  if (merged !== undefined) into.push(merged.bytes)
}

test.each([...Array(150).keys()])('any sequence of batches gives the same records in full, dense, valid batches of the size allowed: %i', (seed) => {
  const log = randomLog(seed)
  const mostBytes = [2000, 9000, 512 * 1024][seed % 3] ?? 0
  const merger = mergeBatches(mostBytes)
  const made: Buffer[] = []
  const left: Source['visible'] = []
  const offsets: bigint[] = []
  for (const { batch, visible } of log) {
    const header = parseBatchHeader(batch)
    const inflated = recordBytes(batch, header)
    if (!merger.fits(header, inflated.length)) drain(merger, made)
    // One that is too large for any full batch is not the merger's business.
    if (!merger.fits(header, inflated.length)) continue
    const deltas = merger.add(header, inflated)
    if (deltas === undefined) expect(isDense(header)).toBe(true)
    for (const delta of deltas ?? Array(header.recordCount).keys()) offsets.push(header.baseOffset + BigInt(delta))
    left.push(...visible)
  }
  drain(merger, made)
  const found = made.flatMap((batch) => {
    const header = parseBatchHeader(batch)
    checkBatchCrc(batch, header)
    expect(header.size).toBe(batch.length)
    expect(batch.length).toBeLessThanOrEqual(mostBytes)
    expect(isDense(header)).toBe(true)
    expect(header).toMatchObject({ baseOffset: 0n, logAppendTime: false, transactional: false, control: false, producerId: -1n })
    const records = [...readRecords(batch, header)]
    expect(records.map(({ offset }) => offset)).toEqual([...Array(records.length).keys()].map(BigInt))
    const latest = records
      .map(({ timestamp }) => timestamp)
      .sort((a, b) => (a < b ? -1 : 1))
      .at(-1)
    expect(header.maxTimestamp).toBe(latest)
    return records.map(({ offset: _, ...rest }) => rest)
  })
  expect(found).toEqual(left)
  const sources = log.flatMap(({ batch }) => {
    const header = parseBatchHeader(batch)
    return [...readRecords(batch, header)].map(({ offset }) => offset)
  })
  expect(offsets.length).toBe(left.length)
  expect(offsets.every((offset) => sources.includes(offset))).toBe(true)
  expect(offsets).toEqual([...offsets].sort((a, b) => Number(a - b)))
})

const record = (offset: bigint, timestamp = 1_700_000_000_000n + offset): KafkaRecord => ({
  offset,
  timestamp,
  key: Buffer.from(`${offset}`),
  value: Buffer.from(`value ${offset}`),
  headers: [],
})

const add = (merger: BatchMerger, batch: Buffer, keep?: (offset: bigint, timestamp: bigint) => boolean) => {
  const header = parseBatchHeader(batch)
  const inflated = recordBytes(batch, header)
  return merger.fits(header, inflated.length) ? merger.add(header, inflated, keep) : 'does not fit'
}

test('ten thousand batches of one record become one', () => {
  const merger = mergeBatches(1024 * 1024)
  for (let n = 0n; n < 10_000n; n++) expect(add(merger, buildBatch({ baseOffset: n, records: [record(n)] }))).toBe(undefined)
  const merged = merger.take()
  if (merged === undefined) throw new Error('nothing merged')
  expect(merged.recordCount).toBe(10_000)
  expect(merger.take()).toBe(undefined)
})

test.each([
  ['another codec', { codec: 'gzip' as const }],
  ['another timestamp type', { logAppendTime: 5n }],
  ['a transaction', { transactional: true }],
])('a batch with %s does not join, and begins a run of its own', (_title, other) => {
  const merger = mergeBatches(100_000)
  add(merger, buildBatch({ baseOffset: 0n, records: [record(0n)] }))
  const batch = buildBatch({ baseOffset: 1n, records: [record(1n)], ...other })
  expect(add(merger, batch)).toBe('does not fit')
  expect(merger.take()?.recordCount).toBe(1)
  expect(add(merger, batch)).toBe(undefined)
})

test('only the wanted records of a batch join, and the greatest timestamp is one of theirs', () => {
  const merger = mergeBatches(100_000)
  const batch = buildBatch({ baseOffset: 10n, records: [record(10n, 900n), record(11n, 100n), record(12n, 300n)] })
  expect(add(merger, batch, (offset) => offset > 10n)).toEqual([1, 2])
  expect(add(merger, buildBatch({ baseOffset: 13n, records: [record(13n, 400n)] }), (_, timestamp) => timestamp > 500n)).toEqual([])
  const merged = merger.take()
  if (merged === undefined) throw new Error('nothing merged')
  const header = parseBatchHeader(merged.bytes)
  expect(header.maxTimestamp).toBe(300n)
  expect([...readRecords(merged.bytes, header)].map(({ timestamp }) => timestamp)).toEqual([100n, 300n])
})

test('a batch that ends inside a record is kafka-corrupt, and the run stays as it was', () => {
  const merger = mergeBatches(100_000)
  add(merger, buildBatch({ baseOffset: 0n, records: [record(0n)] }))
  const batch = buildBatch({ baseOffset: 1n, records: [record(1n), record(2n)] })
  const header = parseBatchHeader(batch)
  expect(() => merger.add(header, recordBytes(batch, header).subarray(0, -3))).toThrow(expect.objectContaining({ code: 'kafka-corrupt' }))
  expect(merger.take()?.recordCount).toBe(1)
})
