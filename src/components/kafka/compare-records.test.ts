import { expect, test } from 'vitest'
import type { KafkaRecord } from '../../clients/kafka/records.ts'
import { compareRecords } from './compare-records.ts'

function records(count: number): KafkaRecord[] {
  return [...Array(count).keys()].map((n) => ({
    offset: BigInt(n),
    timestamp: BigInt(1000 + n),
    key: Buffer.from(`k${n}`),
    value: Buffer.from(`v${n}`),
    headers: [
      { key: Buffer.from('h'), value: Buffer.from('1') },
      { key: Buffer.from('h'), value: null },
    ],
  }))
}

async function* portions(items: KafkaRecord[]) {
  for (let at = 0; at < items.length; at += 7) yield items.slice(at, at + 7)
}

async function compare(
  left: KafkaRecord[],
  right: KafkaRecord[],
  options: { sameOffsets?: boolean; compacted?: boolean; positions?: [bigint[], bigint[]]; limit?: number; hideValues?: boolean } = {},
) {
  const { findings, ordinals } = await compareRecords(portions(left), portions(right), {
    item: 't/0',
    sides: ['a', 'b'],
    sameOffsets: options.sameOffsets ?? false,
    limit: options.limit ?? 10,
    ...(options.compacted === undefined ? {} : { compacted: options.compacted }),
    ...(options.hideValues === undefined ? {} : { hideValues: options.hideValues }),
    positions: options.positions ?? [[], []],
  })
  return { found: findings.map(({ code, item }) => `${code} ${item}`), messages: findings.map(({ message }) => message), ordinals }
}

test('equal records at other offsets do not differ, unless offsets count', async () => {
  const moved = records(30).map((record) => ({ ...record, offset: record.offset + 5n }))
  expect((await compare(records(30), moved)).found).toEqual([])
  expect((await compare(records(30), moved, { sameOffsets: true, limit: 1 })).found).toEqual(['record-differs t/0/0'])
})

test.each([
  ['key null instead of empty', (record: KafkaRecord) => ({ ...record, key: null }), 'key "k9" against null'],
  ['value', (record: KafkaRecord) => ({ ...record, value: Buffer.from([0, 1]) }), 'value "v9" against 0x0001'],
  ['timestamp', (record: KafkaRecord) => ({ ...record, timestamp: 5n }), 'timestamp 1009 against 5'],
  [
    'header order',
    (record: KafkaRecord) => ({ ...record, headers: record.headers.toReversed() }),
    'headers ["h": "1", "h": null] against ["h": null, "h": "1"]',
  ],
  ['lost header', (record: KafkaRecord) => ({ ...record, headers: record.headers.slice(1) }), 'headers'],
])('a changed record is found with both values: %s', async (_name, change, message) => {
  const { found, messages } = await compare(
    records(30),
    records(30).map((record, n) => (n === 9 ? change(record) : record)),
  )
  expect(found).toEqual(['record-differs t/0/9'])
  expect(messages[0]).toContain(message)
})

test('dropped, doubled and swapped records are found one by one, and what follows is still compared', async () => {
  const right = records(60)
  right.splice(40, 1)
  right.splice(20, 3)
  right.splice(10, 0, ...records(60).slice(9, 10))
  expect((await compare(records(60), right)).found).toEqual([
    'record-extra t/0/9',
    'record-missing t/0/20',
    'record-missing t/0/21',
    'record-missing t/0/22',
    'record-missing t/0/40',
  ])
})

test('a side that ends early or is empty: each further record is one-sided, up to the limit', async () => {
  expect((await compare(records(10), records(8))).found).toEqual(['record-missing t/0/8', 'record-missing t/0/9'])
  expect((await compare([], records(50), { limit: 3 })).found).toEqual(['record-extra t/0/0', 'record-extra t/0/1', 'record-extra t/0/2'])
})

test('positions point to the same pair whatever their offsets; a shift by a record that one side lacks is seen', async () => {
  const sparse = records(20).map((record) => ({ ...record, offset: record.offset * 3n }))
  const { ordinals } = await compare(records(20), sparse, {
    positions: [
      [0n, 7n, 20n],
      [0n, 19n, 21n, 58n],
    ],
  })
  expect([...ordinals[0]]).toEqual([
    [0n, 0n],
    [7n, 7n],
    [20n, 20n],
  ])
  expect([...ordinals[1]]).toEqual([
    [0n, 0n],
    [19n, 7n],
    [21n, 7n],
    [58n, 20n],
  ])
  const lacking = await compare(records(20), records(20).toSpliced(3, 1), { positions: [[3n, 10n], [10n]] })
  expect([...lacking.ordinals[0]]).toEqual([
    [3n, 3n],
    [10n, 9n],
  ])
})

test('of a topic that may hold secrets, findings show keys, and of values only length and hash', async () => {
  const secret = (n: number) => ({ ...record(n), value: Buffer.from(`{"database.password":"hunter${n}"}`) })
  const record = (n: number): KafkaRecord => ({ offset: BigInt(n), timestamp: 1n, key: Buffer.from(`connector-${n}`), value: null, headers: [] })
  const withHeader = { ...record(4), headers: [{ key: Buffer.from('h'), value: Buffer.from('hunter4') }] }
  const left = [secret(0), secret(1), record(2), withHeader]
  const right = [{ ...secret(0), value: Buffer.from('hunter') }, record(2), secret(3), record(4)]
  const { messages } = await compare(left, right, { hideValues: true })
  expect(messages).toHaveLength(4)
  expect(messages.join('\n')).not.toContain('hunter')
  expect(messages[0]).toMatch(/^value 31 bytes \(SHA-256 [0-9a-f]{12}…\) against 6 bytes .* of key "connector-0"/)
  expect((await compare(left, right)).messages.join()).toContain('hunter')
})

test('in a compacted topic a record that one side lacks does not count when a later one has its key, nor a tombstone; the last of its key does', async () => {
  const keyed = (n: number) => records(1000).map((record) => ({ ...record, key: Buffer.from(`k${Number(record.offset) % n}`) }))
  const whole = keyed(10)
  const thinned = whole.filter(({ offset }) => offset >= 990n || offset === 3n)
  for (const sameOffsets of [true, false]) {
    expect((await compare(whole, thinned, { sameOffsets, compacted: true })).found).toEqual([])
    expect((await compare(thinned, whole, { sameOffsets, compacted: true })).found).toEqual([])
    const lost = thinned.filter(({ offset }) => offset !== 994n)
    expect((await compare(whole, lost, { sameOffsets, compacted: true })).found).toEqual(['record-missing t/0/994'])
    const tombstone = whole.map((record) => (record.offset === 994n ? { ...record, value: null } : record))
    expect((await compare(tombstone, lost, { sameOffsets, compacted: true })).found).toEqual([])
  }
  const changed = thinned.map((record) => (record.offset === 995n ? { ...record, value: Buffer.from('other') } : record))
  expect((await compare(whole, changed, { sameOffsets: true, compacted: true })).found).toEqual(['record-differs t/0/995'])
})
