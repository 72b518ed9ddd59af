import { expect, test } from 'vitest'
import type { TopicPart } from './part.ts'
import { checkRange, isInTime, narrowTopic, parseOffsetRange, parseTime, rangeOfTopic } from './record-range.ts'
import { noSchemaIds } from './schema-ids.ts'

const artifact = (firstOffset: bigint, maxTimestamp: bigint) => ({
  path: `${firstOffset}`,
  firstOffset,
  lastOffset: firstOffset + 9n,
  batches: 1,
  records: 10n,
  maxTimestamp,
})
const partition = (number: number) => ({
  partition: number,
  startOffset: 5n,
  endOffset: 35n,
  highWatermark: 35n,
  committedRecords: 30n,
  aborted: [],
  gaps: { count: 0, offsets: 0n, first: [] },
  artifacts: [artifact(0n, 100n), artifact(10n, 200n), artifact(20n, 150n), artifact(30n, 300n)],
})
const topic: TopicPart = {
  name: 'orders',
  topicId: '',
  replicationFactor: 1,
  configs: {},
  partitions: [partition(0), partition(1)],
  schemaIds: noSchemaIds(),
}
const shape = (part: TopicPart) =>
  part.partitions.map(({ startOffset, endOffset, artifacts }) => [startOffset, endOffset, artifacts.map(({ path }) => path).join(' ')])

test('offsets: the partition named is narrowed to its own bounds at most, the others are left out', () => {
  expect(shape(narrowTopic(topic, { offsets: new Map([['orders/1', { from: 12n, to: 30n }]]) }))).toEqual([
    [5n, 5n, ''],
    [12n, 30n, '10 20'],
  ])
  expect(shape(narrowTopic(topic, { offsets: new Map([['orders/0', { from: 0n, to: 1000n }]]) }))[0]).toEqual([5n, 35n, '0 10 20 30'])
  expect(shape(narrowTopic(topic, { offsets: new Map([['orders/0', { to: 2n }]]) }))[0]).toEqual([5n, 5n, ''])
})

test('ends: a cut narrows the partition that it names and leaves the others whole', () => {
  const ends = new Map([
    ['orders/0', 22n],
    ['orders/1', 99n],
  ])
  expect(shape(narrowTopic(topic, { ends }))).toEqual([
    [5n, 22n, '0 10 20'],
    [5n, 35n, '0 10 20 30'],
  ])
  expect(shape(narrowTopic(topic, { ends: new Map([['orders/0', 0n]]) }))[0]).toEqual([5n, 5n, ''])
})

test('times: files without anything young enough are not read; what is too young is known of records alone', () => {
  expect(shape(narrowTopic(topic, { fromTime: 200n, toTime: 201n }))[0]).toEqual([5n, 35n, '10 30'])
  expect([199n, 200n, 201n].map((time) => isInTime({ fromTime: 200n, toTime: 201n }, time))).toEqual([false, true, false])
  expect(isInTime(undefined, -1n)).toBe(true)
})

test('a time of one topic holds for that topic alone, and the earlier of two holds', () => {
  const range = {
    toTime: 300n,
    toTimes: new Map([
      ['orders', 200n],
      ['late', 400n],
    ]),
  }
  expect(['orders', 'late', 'stock'].map((name) => rangeOfTopic(range, name)?.toTime)).toEqual([200n, 300n, 300n])
  expect(rangeOfTopic({ toTimes: new Map([['orders', 200n]]) }, 'stock')?.toTime).toBeUndefined()
  expect(rangeOfTopic(undefined, 'stock')).toBeUndefined()
})

test('a partition that is not there is refused', () => {
  expect(() => checkRange([topic], { offsets: new Map([['orders/2', {}]]) })).toThrow(/names orders\/2/)
})

test.each(['orders', 'orders/0', 'orders/0=', 'orders/0=..', 'orders/0=5..5', 'orders/0=6..5', 'orders/x=1..2', '/0=1..2'])(
  '%s is no range',
  (text) => {
    expect(() => parseOffsetRange(text)).toThrow(expect.objectContaining({ code: 'usage' }))
  },
)

test('ranges and times as they are typed', () => {
  expect(parseOffsetRange('a.b/12=5..9')).toEqual(['a.b/12', { from: 5n, to: 9n }])
  expect(parseOffsetRange('a/0=..9')).toEqual(['a/0', { to: 9n }])
  expect(parseTime('1600000000000', 'to-time')).toBe(1_600_000_000_000n)
  expect(parseTime('2020-09-13T14:26:40.001+02:00', 'to-time')).toBe(1_600_000_000_001n)
  expect(() => parseTime('yesterday', 'to-time')).toThrow(/--to-time yesterday/)
})
