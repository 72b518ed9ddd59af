import { expect, test } from 'vitest'
import type { TopicPart } from './part.ts'
import { retentionFindings } from './retention-findings.ts'
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

const findings = (part: TopicPart, settings: Record<string, string>) =>
  retentionFindings({
    topic: part,
    name: 'orders.restored',
    settings: new Map(Object.entries(settings)),
    checkEveryMs: 300_000n,
    now: new Date(Number(now)),
    bytesOf: ({ artifacts }) => artifacts.length * 1000,
  })
const week = { 'retention.ms': String(7n * day) }

test('old records with a young one behind them in the file, no retention, or only compaction: nothing to say', () => {
  expect(findings(topic(now), week)).toEqual([])
  expect(findings(topic(0n), {})).toEqual([])
  expect(findings(topic(0n), { ...week, 'cleanup.policy': 'compact' })).toEqual([])
  expect(findings(topic(), week)).toEqual([])
})

test('a front that is older: how much, how old, and when it goes', () => {
  const [finding] = findings(topic(now - 9n * day, now - 8n * day, now, 0n), week)
  expect(finding).toMatchObject({ code: 'retention-will-delete', severity: 'warning', item: 'orders.restored' })
  expect(finding?.message).toContain('(7 days) comes back: at the latest 5 minutes after its restore the broker deletes')
  expect(finding?.message).toContain(
    'older than 2024-09-27T00:00:00.000Z: the first 4 records of partition 3 (timestamps up to 2024-09-26T00:00:00.000Z)',
  )
  expect(finding?.next).toContain('--topic orders.restored --add-config retention.ms=-1')
})

test('everything older: all of it will go', () => {
  expect(findings(topic(now - 9n * day, now - 8n * day), { ...week, 'cleanup.policy': 'compact,delete' })[0]?.message).toContain(
    'all 4 records of partition 3',
  )
})

test('what goes within a day is a note with the time', () => {
  expect(findings(topic(now - 7n * day + 3_600_000n, now), week)).toMatchObject([
    { severity: 'note', message: expect.stringContaining('from 2024-10-04T01:00:00.000Z on') as string },
  ])
})

test('a partition larger than retention.bytes by a segment or more loses its oldest segments', () => {
  const limits = { 'retention.bytes': '1500', 'segment.bytes': '500' }
  expect(findings(topic(now, now), limits)[0]?.message).toContain('the oldest segments: about 500 of the 2000 bytes of partition 3')
  expect(findings(topic(now, now), { ...limits, 'segment.bytes': '501' })).toEqual([])
})
