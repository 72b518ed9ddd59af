import { expect, test } from 'vitest'
import type { KafkaPart } from '../../components/kafka/part.ts'
import { noSchemaIds } from '../../components/kafka/schema-ids.ts'
import type { RecoveryPoint } from '../../repository/manifest.ts'
import { type SettledEnds, settledIn, settledOffsets, stillUseful, usableAt } from './settled-ends.ts'

const at = (lsn: bigint): SettledEnds => ({ lsn, ends: new Map([['id-of-orders/0', lsn * 2n]]) })
const all = [at(10n), at(20n), at(30n), at(40n)]

test('a cut uses the youngest ends from before it', () => {
  expect(usableAt(all, 35n)?.lsn).toBe(30n)
  expect(usableAt(all, 10n)?.lsn).toBe(10n)
  expect(usableAt(all, 9n)).toBeUndefined()
})

test('those that no later cut will use are forgotten, but the ones for the base backup', () => {
  expect(stillUseful(all, 35n, 15n).map(({ lsn }) => lsn)).toEqual([10n, 30n, 40n])
  expect(stillUseful(all, 5n, 1n)).toEqual(all)
})

test('a topic that was made anew has no settled ends', () => {
  const partition = { partition: 0, startOffset: 0n, endOffset: 9n, highWatermark: 9n, committedRecords: 9n, aborted: [], artifacts: [] }
  const topic = (name: string, topicId: string) => ({
    name,
    topicId,
    replicationFactor: 1,
    configs: {},
    partitions: [{ ...partition, gaps: { count: 0, offsets: 0n, first: [] } }],
    schemaIds: noSchemaIds(),
  })
  const part: KafkaPart = { format: 1, clusterId: 'c', brokers: 1, features: {}, topics: [topic('orders', 'id-of-orders')], groups: [] }
  expect([...settledOffsets(at(4n), part)]).toEqual([['orders/0', 8n]])
  expect([...settledOffsets(at(4n), { ...part, topics: [topic('orders', 'another')] })]).toEqual([])
})

test('what a backup says is settled holds for cuts behind it alone', () => {
  const settled = { lsn: '0/14', endOffsets: { orders: { '0': '7' } } }
  const point: RecoveryPoint = { name: 'p', kind: 'transaction', takenAt: '', kafka: { clusterId: 'c', endOffsets: {}, settled } }
  expect([...(settledIn(point, 20n) ?? [])]).toEqual([['orders/0', 7n]])
  expect(settledIn(point, 19n)).toBeUndefined()
  expect(settledIn({ ...point, kafka: { clusterId: 'c', endOffsets: {} } }, 20n)).toBeUndefined()
})
