import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type RawBatch, splitBatches } from '../../clients/kafka/read-batches.ts'
import { rebuildBatch } from '../../clients/kafka/rebuild-batch.ts'
import { checkBatchCrc, isDense, parseBatchHeader } from '../../clients/kafka/record-batch.ts'
import { type KafkaRecord, readMarker, readRecords } from '../../clients/kafka/records.ts'
import { abortFilter, trackTransactions } from './read-committed.ts'

/** What `suites/make-captured-records.ts` has captured of a real broker, beside what kafkajs read there. */
const file = (name: string) => new URL(`../../../fixtures/records/${name}`, import.meta.url)

interface Expected {
  key: string | null
  value: string | null
  timestamp: string
  headers: [string, string[]][]
}

const expected = JSON.parse(readFileSync(file('broker-records.json'), 'utf8')) as Record<string, Expected[]>

function batchesOf(topic: string): RawBatch[] {
  const { batches, rest } = splitBatches(readFileSync(file(`broker-${topic}.batches`)))
  expect(rest).toHaveLength(0)
  for (const { bytes, header } of batches) checkBatchCrc(bytes, header)
  return batches
}

/** Committed by our own rule over the markers alone. */
function committed(batches: RawBatch[]): KafkaRecord[] {
  const tracker = trackTransactions()
  for (const { bytes, header } of batches) tracker.see(header, header.control ? readMarker(bytes, header) : undefined)
  const isAborted = abortFilter(tracker.finish(1n << 62n).ranges)
  return batches.filter(({ header }) => !header.control && !isAborted(header)).flatMap(({ bytes, header }) => [...readRecords(bytes, header)])
}

const hex = (bytes: Buffer | null) => bytes?.toString('hex') ?? null
const plain = ({ key, value, timestamp }: KafkaRecord) => ({ key: hex(key), value: hex(value), timestamp: timestamp.toString() })

test.each(Object.keys(expected))('%s: every committed record is what another client read', (topic) => {
  const wanted = (expected[topic] ?? []).map(({ key, value, timestamp }) => ({ key, value, timestamp }))
  expect(wanted.length).toBeGreaterThan(20)
  const from = topic === 'deleted' ? 37n : 0n
  const records = committed(batchesOf(topic)).filter(({ offset }) => offset >= from)
  expect(records.map(plain)).toEqual(wanted)
})

test('the captured shapes are there: thinned batches, aborted and committed markers, a broker that stamps, a start inside a batch', () => {
  expect(batchesOf('compacted').some(({ header }) => header.recordCount > 0 && !isDense(header))).toBe(true)
  const markers = batchesOf('transactions').flatMap(({ bytes, header }) => (header.control ? [readMarker(bytes, header)] : []))
  expect(new Set(markers)).toEqual(new Set(['abort', 'commit']))
  expect(batchesOf('appended').every(({ header }) => header.logAppendTime)).toBe(true)
  const [first] = batchesOf('deleted')
  expect(first && first.header.baseOffset < 37n && first.header.lastOffset >= 37n).toBe(true)
  const sides = committed(batchesOf('plain')).flatMap(({ key, value }) => [key, value])
  for (const side of [null, '']) expect(sides.map(hex)).toContain(side)
})

test('a thinned batch that is rebuilt is dense, and holds the same records', () => {
  for (const { bytes, header } of batchesOf('compacted').filter(({ header }) => header.recordCount > 0 && !isDense(header))) {
    const rebuilt = rebuildBatch(bytes, header, () => true)
    const again = rebuilt && parseBatchHeader(rebuilt.bytes)
    if (rebuilt === undefined || again === undefined) throw new Error('nothing is left')
    checkBatchCrc(rebuilt.bytes, again)
    expect(isDense(again)).toBe(true)
    expect([...readRecords(rebuilt.bytes, again)].map(plain)).toEqual([...readRecords(bytes, header)].map(plain))
  }
})
