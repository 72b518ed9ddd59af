import { describe, expect, test } from 'vitest'
import { buildBatch } from './build-batch.ts'
import { codecs } from './compression.ts'
import { crc32c } from './crc.ts'
import { readBatches } from './read-batches.ts'
import { rebuildBatch } from './rebuild-batch.ts'
import { batchHeaderSize, checkBatchCrc, isDense, parseBatchHeader, stampedHeader } from './record-batch.ts'
import { type KafkaRecord, readMarker, readRecords } from './records.ts'

const day = 86_400_000n

function record(offset: bigint, part: Partial<KafkaRecord> = {}): KafkaRecord {
  return {
    offset,
    timestamp: 1_700_000_000_000n + offset,
    key: Buffer.from(`k${offset}`),
    value: Buffer.from(`value ${offset}`),
    headers: [],
    ...part,
  }
}

const oddRecords: KafkaRecord[] = [
  record(7n, { key: null, value: null }),
  record(8n, { key: Buffer.alloc(0), value: Buffer.alloc(0) }),
  record(9n, { key: Buffer.from([0]), value: Buffer.from([255]), timestamp: 1_700_000_000_000n + 60n * day }),
  record(10n, {
    timestamp: 0n,
    headers: [
      { key: Buffer.from('a'), value: Buffer.from('1') },
      { key: Buffer.from('a'), value: null },
      { key: Buffer.from('a'), value: Buffer.alloc(0) },
      { key: Buffer.from('ключ'), value: Buffer.from([0xff, 0xfe]) },
    ],
  }),
  record(11n, { value: Buffer.from('x'.repeat(70_000)) }),
]

test('CRC-32C gives the known answers', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
  expect(crc32c(Buffer.from([...Array(32).keys()]))).toBe(0x46dd794e)
})

describe.each(codecs)('codec %s', (codec) => {
  test('odd records come back as they went in', () => {
    const batch = buildBatch({ baseOffset: 7n, records: oddRecords, codec })
    const header = parseBatchHeader(batch)
    checkBatchCrc(batch, header)
    expect(header.codec).toBe(codec)
    expect(isDense(header)).toBe(true)
    expect([...readRecords(batch, header)]).toEqual(oddRecords)
  })

  test('a thinned batch is rebuilt dense, everything but the offsets kept', () => {
    const kept = oddRecords.filter(({ offset }) => offset !== 8n && offset !== 10n)
    const thinned = buildBatch({ baseOffset: 5n, records: kept, codec, lastOffset: 20n, producerId: 9n, transactional: true })
    const header = parseBatchHeader(thinned)
    expect(isDense(header)).toBe(false)
    const rebuilt = rebuildBatch(thinned, header, () => true)
    if (rebuilt === undefined) throw new Error('nothing left')
    const after = parseBatchHeader(rebuilt.bytes)
    checkBatchCrc(rebuilt.bytes, after)
    expect(isDense(after)).toBe(true)
    expect(after).toMatchObject({ codec, transactional: false, recordCount: 3, producerId: -1n })
    expect(rebuilt.keptDeltas).toEqual([2, 4, 6])
    expect([...readRecords(rebuilt.bytes, after)]).toEqual(kept.map((item, index) => ({ ...item, offset: 5n + BigInt(index) })))
    expect(after.maxTimestamp).toBe(1_700_000_000_000n + 60n * day)
  })
})

test('LogAppendTime: every record has the time that the broker presented, before and after rebuilding', () => {
  const batch = buildBatch({ baseOffset: 0n, records: [record(0n), record(1n)], logAppendTime: 1_800_000_000_000n, codec: 'gzip' })
  const header = parseBatchHeader(batch)
  expect([...readRecords(batch, header)].map(({ timestamp }) => timestamp)).toEqual([1_800_000_000_000n, 1_800_000_000_000n])
  const rebuilt = rebuildBatch(batch, header, () => true)
  if (rebuilt === undefined) throw new Error('nothing left')
  const after = parseBatchHeader(rebuilt.bytes)
  expect(after.logAppendTime).toBe(false)
  expect(after.maxTimestamp).toBe(1_800_000_000_000n)
  expect([...readRecords(rebuilt.bytes, after)].map(({ timestamp }) => timestamp)).toEqual([1_800_000_000_000n, 1_800_000_000_000n])
})

test('a batch cut at the backup end keeps only the records before it; nothing wanted gives no batch', () => {
  const batch = buildBatch({ baseOffset: 7n, records: oddRecords })
  const header = parseBatchHeader(batch)
  expect(rebuildBatch(batch, header, (offset) => offset < 9n)?.recordCount).toBe(2)
  expect(rebuildBatch(batch, header, () => false)).toBeUndefined()
})

test.each([0, 1, 2, 3, 100, 70_000])('a stamped batch with a value of %d bytes is a client batch with a right CRC and the same records', (size) => {
  const records = [...oddRecords, record(12n, { value: Buffer.alloc(size, 5) })]
  const stored = buildBatch({ baseOffset: 7n, records, producerId: 4n, transactional: true })
  const before = Buffer.from(stored)
  const batch = Buffer.concat([stampedHeader(stored, { producerId: 77n, producerEpoch: 3, baseSequence: 12 }), stored.subarray(batchHeaderSize)])
  expect(stored).toEqual(before)
  const header = parseBatchHeader(batch)
  checkBatchCrc(batch, header)
  expect(header).toMatchObject({ baseOffset: 0n, producerId: 77n, producerEpoch: 3, baseSequence: 12, transactional: false })
  expect([...readRecords(batch, header)].map(({ value }) => value)).toEqual(records.map(({ value }) => value))
})

test('every changed bit behind the CRC field is found by the CRC', () => {
  const batch = buildBatch({ baseOffset: 0n, records: [record(0n)] })
  const good = parseBatchHeader(batch)
  for (let at = 21; at < batch.length; at++) {
    const bad = Buffer.from(batch)
    bad[at] = (bad[at] ?? 0) ^ 0x10
    expect(() => checkBatchCrc(bad, good)).toThrow('instead of')
  }
})

test('records that do not fit their batch are kafka-corrupt, not garbage', () => {
  const batch = buildBatch({ baseOffset: 0n, records: [record(0n), record(1n)] })
  batch.writeInt32BE(1, 57)
  expect(() => [...readRecords(batch, parseBatchHeader(batch))]).toThrow('cannot be parsed')
  const gzip = buildBatch({ baseOffset: 0n, records: [record(0n)], codec: 'gzip' })
  gzip[61] = 0xff
  expect(() => [...readRecords(gzip, parseBatchHeader(gzip))]).toThrow('cannot be inflated')
})

test('markers say commit or abort', () => {
  const marker = (type: number) => {
    const key = Buffer.from([0, 0, 0, type])
    return buildBatch({ baseOffset: 3n, records: [record(3n, { key, value: Buffer.alloc(6) })], control: true, transactional: true, producerId: 1n })
  }
  const abort = marker(0)
  expect(readMarker(abort, parseBatchHeader(abort))).toBe('abort')
  const commit = marker(1)
  expect(readMarker(commit, parseBatchHeader(commit))).toBe('commit')
})

test('a stream is cut into the same batches whatever its chunks are', async () => {
  const batches = [0n, 1n, 2n].map((offset) => buildBatch({ baseOffset: offset, records: [record(offset)] }))
  const bytes = Buffer.concat(batches)
  for (const size of [1, 7, 12, 61, 100, bytes.length]) {
    const chunks = async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
    }
    const found: Buffer[] = []
    for await (const batch of readBatches(chunks())) found.push(Buffer.from(batch.bytes))
    expect(found).toEqual(batches)
  }
})

test('a stream that ends inside a batch is kafka-corrupt', async () => {
  const bytes = buildBatch({ baseOffset: 0n, records: [record(0n)] }).subarray(0, 70)
  const chunks = async function* () {
    yield bytes
  }
  await expect(async () => {
    for await (const _ of readBatches(chunks()));
  }).rejects.toThrow('after the last whole record batch')
})
