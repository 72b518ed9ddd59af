import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { evidenceOf } from './observe-kafka.ts'
import { type DecodedBatch, decodeBatches } from './record-batch.ts'

const captured = (codec: string) => readFileSync(new URL(`../../../fixtures/records/java-${codec}.batches`, import.meta.url))
const records = (batches: DecodedBatch[]) => batches.flatMap((batch) => batch.records.map(evidenceOf))

describe('batches that a Java producer wrote', () => {
  const plain = records(decodeBatches(captured('none'), 'none'))
  test('decode to records in order', () => {
    expect(plain.length).toBeGreaterThan(100)
    expect(plain.every((record, index) => BigInt(record.offset) === BigInt(plain[0]?.offset ?? '-1') + BigInt(index))).toBe(true)
  })
  test.each(['gzip', 'snappy', 'lz4', 'zstd'])('%s holds the same keys, values and headers', (codec) => {
    const content = (all: typeof plain) => all.map(({ key, value, headers }) => [key, value, headers])
    expect(content(records(decodeBatches(captured(codec), codec)))).toEqual(content(plain))
  })
})

test('one bit changed anywhere after the length is an error with its place', () => {
  for (const at of [16, 17, 22, 40, 70, 500]) {
    const bytes = Buffer.from(captured('none'))
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
    expect(() => decodeBatches(bytes, 'topic/0/0')).toThrow(expect.objectContaining({ code: 'kafka-corrupt', path: 'topic/0/0' }))
  }
})

test('a batch that the fetch cut off is left out', () => {
  const bytes = captured('none')
  const all = decodeBatches(bytes, 'x')
  expect(decodeBatches(bytes.subarray(0, bytes.length - 1), 'x')).toHaveLength(all.length - 1)
})

describe('evidence', () => {
  const record = { offset: 1n, timestamp: 2n, key: null, value: Buffer.alloc(0), headers: [] as [string, Buffer | null][] }
  const headersHash = (...headers: [string, Buffer | null][]) => evidenceOf({ ...record, headers }).headers
  test('null and empty differ in keys, values and headers', () => {
    const { key, value } = evidenceOf(record)
    expect(key).not.toBe(value)
    expect(headersHash(['a', null])).not.toBe(headersHash(['a', Buffer.alloc(0)]))
    expect(headersHash(['', null])).not.toBe(headersHash())
  })
  test('order and number of equal header names count', () => {
    const [x, y] = [Buffer.from('x'), Buffer.from('y')]
    const hashes = [
      headersHash(['a', x], ['a', y]),
      headersHash(['a', y], ['a', x]),
      headersHash(['a', x]),
      headersHash(['a', x], ['a', x]),
      headersHash(['a', x], ['b', y], ['a', y]),
    ]
    expect(new Set(hashes).size).toBe(hashes.length)
  })
  test('what is shown is one short printable line', () => {
    const { shown } = evidenceOf({ ...record, value: Buffer.from('\u001b[31m\n'.repeat(100)), headers: [['h', Buffer.from('é')]] })
    expect(shown).toMatch(/^key null value 0x1b5b33316d0a.*… \(600 bytes\) headers \[h="é"\]$/)
  })
})
