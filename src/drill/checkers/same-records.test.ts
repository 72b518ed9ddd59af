import { expect, test } from 'vitest'
import type { ObservedRecord } from '../observers/observation.ts'
import { exampleRecord, exampleTopics } from './example-observations.ts'
import { sameRecords } from './same-records.ts'

function spoil(change: (records: ObservedRecord[]) => void) {
  const after = exampleTopics()
  change(after[0]?.partitions[0]?.records as ObservedRecord[])
  return sameRecords(exampleTopics(), after)
}

test('equal topics pass and count records and equal offsets', () => {
  expect(spoil(() => {})).toMatchObject({ verdict: 'pass', counts: { topics: 1, partitions: 1, records: 4, sameOffsets: 4 } })
})

test('other offsets are no difference, but are counted', () => {
  const result = spoil((records) => {
    for (const record of records.slice(2)) record.offset = String(Number(record.offset) - 1)
  })
  expect(result).toMatchObject({ verdict: 'pass', counts: { sameOffsets: 2 } })
})

test('a dropped record is missing, and only that one', () => {
  expect(spoil((records) => records.splice(1, 1))).toMatchObject({ verdict: 'fail', findings: [{ code: 'record-missing', item: 'orders/0/1' }] })
})

test('a record twice is doubled', () => {
  expect(spoil((records) => records.push(exampleRecord(1, 'b')))).toMatchObject({ verdict: 'fail', findings: [{ code: 'record-doubled' }] })
})

test('a record that was never there is extra', () => {
  expect(spoil((records) => records.push(exampleRecord(9, 'x')))).toMatchObject({ findings: [{ code: 'record-extra' }] })
})

test('swapped records are a finding though nothing is missing', () => {
  expect(spoil((records) => records.reverse())).toMatchObject({ verdict: 'fail', findings: [{ code: 'record-reordered', item: 'orders/0/0' }] })
})

test.each(['key', 'value', 'headers', 'timestamp'] as const)('another %s is named as what differs', (part) => {
  const result = spoil((records) => {
    ;(records[2] as ObservedRecord)[part] = 'lost'
  })
  expect(result.verdict).toBe('fail')
  expect(result.findings).toMatchObject([{ code: 'record-changed', item: 'orders/0/2' }])
  expect(result.findings[0]?.message).toMatch(`${part} differ:`)
})

test('a topic or partition that is gone is harm', () => {
  expect(sameRecords(exampleTopics(), [])).toMatchObject({ findings: [{ code: 'topic-missing' }] })
  expect(sameRecords(exampleTopics(), [{ topic: 'orders', partitions: [] }])).toMatchObject({ findings: [{ code: 'partition-missing' }] })
})

test('a partition that was not there before is harm', () => {
  const [orders] = exampleTopics()
  const after = exampleTopics().map((topic) => ({ ...topic, partitions: [...topic.partitions, { partition: 1, start: '0', end: '0', records: [] }] }))
  expect(sameRecords(orders === undefined ? [] : [orders], after)).toMatchObject({
    verdict: 'fail',
    findings: [{ code: 'partition-extra', item: 'orders/1' }],
  })
})

test('empty topics are unknown unless declared to be empty', () => {
  const empty = [{ topic: 'nothing', partitions: [{ partition: 0, start: '0', end: '0', records: [] }] }]
  expect(sameRecords(empty, empty).verdict).toBe('unknown')
  expect(sameRecords(empty, empty, { emptyIsFine: true }).verdict).toBe('pass')
})
