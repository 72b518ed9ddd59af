import type { ObservedPartition, ObservedRecord, ObservedTopic } from '../observers/observation.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'

export interface SameRecordsOptions {
  /** Name for the report, when the same checker looks at several kinds of topics. */
  checker?: string
  /** All of these topics may be empty: comparing nothing is then a pass. */
  emptyIsFine?: boolean
}

/**
 * Each partition holds the same records in the same order: key, value, headers and timestamp. Offsets may differ (gaps are not restored);
 * how many are the same is counted.
 */
export function sameRecords(before: ObservedTopic[], after: ObservedTopic[], options: SameRecordsOptions = {}): CheckResult {
  return check(options.checker ?? 'same-records', 'kafka', () => {
    const list = new FindingList('kafka', 'datapipe verify BACKUP; then datapipe diff BACKUP')
    const counts = { topics: 0, partitions: 0, records: 0, sameOffsets: 0 }
    for (const topic of before) {
      counts.topics += 1
      const now = after.find((one) => one.topic === topic.topic)
      if (now === undefined) {
        list.harm('topic-missing', topic.topic, 'the topic is not there')
        continue
      }
      for (const partition of topic.partitions) {
        counts.partitions += 1
        counts.records += partition.records.length
        const other = now.partitions.find((one) => one.partition === partition.partition)
        if (other === undefined) list.harm('partition-missing', `${topic.topic}/${partition.partition}`, 'the partition is not there')
        else counts.sameOffsets += comparePartition(`${topic.topic}/${partition.partition}`, partition, other, list)
      }
      for (const { partition } of now.partitions)
        if (!topic.partitions.some((one) => one.partition === partition))
          list.harm('partition-extra', `${topic.topic}/${partition}`, 'was not there before')
    }
    return { counts, findings: list.findings, compared: options.emptyIsFine ? counts.partitions : counts.records }
  })
}

const parts = ['key', 'value', 'headers', 'timestamp'] as const

/** What a record is, wherever it stands. */
function identity(record: ObservedRecord): string {
  return parts.map((part) => record[part]).join(' ')
}

/** Returns how many records kept their offset. */
function comparePartition(path: string, before: ObservedPartition, after: ObservedPartition, list: FindingList): number {
  const wanted = before.records.map(identity)
  const found = after.records.map(identity)
  const sameOffsets = before.records.filter((record, index) => after.records[index]?.offset === record.offset).length
  if (wanted.length === found.length && wanted.every((one, index) => one === found[index])) return sameOffsets
  const missing = surplus(before.records, wanted, found)
  const extra = surplus(after.records, found, wanted)
  const shown = (record: ObservedRecord) => `${record.shown} at ${record.timestamp}`
  const item = (record: ObservedRecord) => `${path}/${record.offset}`
  if (missing.length === extra.length)
    for (const [index, record] of missing.entries()) {
      const now = extra[index] as ObservedRecord
      const differing = parts.filter((part) => record[part] !== now[part]).join(', ')
      list.harm('record-changed', item(record), `${differing} differ: was ${shown(record)}, is ${shown(now)}`, path)
    }
  else {
    for (const record of missing) list.harm('record-missing', item(record), `not there any more: ${shown(record)}`, path)
    for (const record of extra) {
      const known = wanted.includes(identity(record))
      list.harm(
        known ? 'record-doubled' : 'record-extra',
        item(record),
        `${known ? 'there more often than before' : 'was not there before'}: ${shown(record)}`,
        path,
      )
    }
  }
  if (missing.length === 0 && extra.length === 0) {
    const index = wanted.findIndex((one, at) => one !== found[at])
    const [was, is] = [before.records[index], after.records[index]] as [ObservedRecord, ObservedRecord]
    list.harm('record-reordered', item(was), `the order differs from record ${index} on: was ${shown(was)}, is ${shown(is)}`, path)
  }
  return sameOffsets
}

/** The records of `names` that `others` has not, or has less often; the last ones of several equal. */
function surplus(records: ObservedRecord[], names: string[], others: string[]): ObservedRecord[] {
  const left = new Map<string, number>()
  for (const name of others) left.set(name, (left.get(name) ?? 0) + 1)
  return records.filter((_record, index) => {
    const name = names[index] as string
    const count = left.get(name) ?? 0
    left.set(name, count - 1)
    return count <= 0
  })
}
