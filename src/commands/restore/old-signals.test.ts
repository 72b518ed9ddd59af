import { expect, test } from 'vitest'
import type { GroupSnapshot, KafkaPart } from '../../components/kafka/part.ts'
import { noSchemaIds } from '../../components/kafka/schema-ids.ts'
import type { RecoveryPoint } from '../../repository/manifest.ts'
import { behindOldSignals, signalEnds } from './old-signals.ts'
import { atPoint, endsAtPoint } from './point-ends.ts'

const partition = (number: number) => ({
  partition: number,
  startOffset: 2n,
  endOffset: 9n,
  highWatermark: 9n,
  committedRecords: 7n,
  aborted: [],
  gaps: { count: 0, offsets: 0n, first: [] },
  artifacts: [],
})
const topic = (name: string) => ({
  name,
  topicId: '',
  replicationFactor: 1,
  configs: {},
  partitions: [partition(0), partition(1)],
  schemaIds: noSchemaIds(),
})
const group = (groupId: string, topics: string[]): GroupSnapshot => ({
  groupId,
  type: 'classic',
  protocolType: 'consumer',
  state: 'Empty',
  offsets: topics.map((name) => ({ topic: name, partition: 0, offset: 5n, metadata: '' })),
})
const part: KafkaPart = {
  format: 1,
  clusterId: 'c',
  brokers: 1,
  features: {},
  topics: [topic('shop-signal'), topic('calls'), topic('orders')],
  groups: [group('kafka-signal', ['shop-signal', 'orders']), group('billing', ['orders'])],
}
const connector = (config: Record<string, string>) => ({ config: { 'topic.prefix': 'shop', ...config } })
const positions = ({ groups }: KafkaPart) =>
  groups.map(({ groupId, offsets }) => [groupId, ...offsets.map((item) => `${item.topic}/${item.partition}@${item.offset}`)])

test('the group of a signal channel stands behind every signal, others stay where they are', () => {
  expect(positions(behindOldSignals(part, [connector({ 'signal.enabled.channels': 'source, kafka' })]))).toEqual([
    ['kafka-signal', 'orders/0@5', 'shop-signal/0@9'],
    ['billing', 'orders/0@5'],
  ])
})

test('a group that the backup lacks is made, under the name and for the topic that the connector has for it', () => {
  const named = connector({ 'signal.enabled.channels': 'kafka', 'signal.kafka.topic': 'calls', 'signal.kafka.groupId': 'callers' })
  expect(positions(behindOldSignals(part, [named]))).toContainEqual(['callers', 'calls/0@9'])
  expect(positions(behindOldSignals(part, [connector({})]))).toEqual(positions(part))
})

test('without groups signal topics come back empty', () => {
  expect([...signalEnds(part, [connector({ 'signal.enabled.channels': 'kafka' }), connector({})])]).toEqual([
    ['shop-signal/0', 2n],
    ['shop-signal/1', 2n],
  ])
})

test('at its own point a backup ends where its recovery point says', () => {
  const point: RecoveryPoint = {
    name: 'p',
    kind: 'transaction',
    takenAt: '2026-12-01T00:00:00Z',
    kafka: { clusterId: 'c', endOffsets: { orders: { '0': '4', '1': '9' }, calls: { '0': '2' } } },
  }
  expect([...endsAtPoint(part, point)]).toEqual([
    ['calls/0', 2n],
    ['orders/0', 4n],
  ])
  expect(atPoint(part, point).topics.map(({ partitions }) => partitions.map(({ endOffset }) => endOffset))).toEqual([
    [9n, 9n],
    [2n, 9n],
    [4n, 9n],
  ])
})
