import { expect, test } from 'vitest'
import type { TopicPart } from './part.ts'
import { retentionVerdict } from './retention-findings.ts'
import { noSchemaIds } from './schema-ids.ts'

const day = 86_400_000n
const now = 20_000n * day

function topic(...newest: bigint[]): TopicPart {
  const artifacts = newest.map((maxTimestamp, index) => ({
    path: `${index}`,
    firstOffset: BigInt(index * 2),
    lastOffset: BigInt(index * 2 + 1),
    batches: 1,
    records: 2n,
    minTimestamp: 0n,
    maxTimestamp,
  }))
  const partition = { partition: 3, startOffset: 0n, endOffset: 9n, highWatermark: 9n, committedRecords: 9n, aborted: [] }
  const gaps = { count: 0, offsets: 0n, first: [] }
  return { name: 'orders', topicId: '', replicationFactor: 1, configs: {}, schemaIds: noSchemaIds(), partitions: [{ ...partition, gaps, artifacts }] }
}

test('old records with a young one behind them in the file, or no retention: nothing to say', () => {
  expect(retentionVerdict(topic(now), 7n * day, now)).toEqual([])
  expect(retentionVerdict(topic(0n), -1n, now)).toEqual([])
  expect(retentionVerdict(topic(), 7n * day, now)).toEqual([])
})

test('a front that is older: how much, and how old', () => {
  const [finding] = retentionVerdict(topic(now - 9n * day, now - 8n * day, now, 0n), 7n * day, now)
  expect(finding).toMatchObject({ code: 'retention-will-delete', severity: 'warning', item: 'orders' })
  expect(finding?.message).toContain(
    'older than 2024-09-27T00:00:00.000Z: the first 4 records of partition 3 (timestamps up to 2024-09-26T00:00:00.000Z)',
  )
})

test('everything older: all of it will go', () => {
  expect(retentionVerdict(topic(now - 9n * day, now - 8n * day), 7n * day, now)[0]?.message).toContain('all 4 records of partition 3')
})
