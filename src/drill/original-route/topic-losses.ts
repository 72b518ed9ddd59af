import { type CheckResult, check, FindingList } from '../checkers/check-result.ts'
import type { RouteRecord, RouteTopic } from './observe-route.ts'

/** What the console tools do not carry, by the code of its finding. Anything else that differs is harm that nobody declared. */
export const knownTopicLosses = [
  'records-refused',
  'tombstones-lost',
  'nulls-became-text',
  'headers-lost',
  'timestamps-changed',
  'partitions-changed',
  'schema-ids-changed',
]

export interface TopicLosses extends CheckResult {
  losses: Record<string, number>
}

export interface LossOptions {
  /** Schemas that the registry did not take back, so that no producer could send their records. */
  refusedIds?: ReadonlySet<number>
  /** The source again when the backup had ended: records that are there alone may have come back, or not. */
  meanwhile?: RouteTopic[]
}

interface Tally {
  refusedRecords: number
  tombstones: number
  headers: number
  timestamps: number
  partitions: number
  schemaIds: number
}

/**
 * Finds every record of before again by its content (key and value without their schema ids), wherever it stands now, and counts what of it is not the same: timestamp,
 * partition, headers, schema ids.  A null value that is not there any more is a lost tombstone; any other record that is not, or is too many, is harm of its own.
 */
export function topicLosses(checker: string, before: RouteTopic[], after: RouteTopic[], options: LossOptions = {}): TopicLosses {
  const losses: Tally = { refusedRecords: 0, tombstones: 0, headers: 0, timestamps: 0, partitions: 0, schemaIds: 0 }
  const result = check(checker, 'kafka', () => {
    const list = new FindingList('kafka', 'read docs/original-route.md: the engine carries all of it')
    const counts = { topics: 0, records: 0, found: 0 }
    for (const { topic, records } of before) {
      counts.topics += 1
      counts.records += records.length
      const now = after.find((one) => one.topic === topic)
      if (now === undefined) list.harm('topic-missing', topic, `the topic is not there; it had ${records.length} records`)
      else counts.found += compareTopic({ topic, before: records, after: now.records, options }, losses, list)
    }
    return { counts, findings: list.findings, compared: counts.records }
  })
  return { ...result, losses: Object.fromEntries(Object.entries(losses).filter(([, count]) => count > 0)) }
}

interface TopicPair {
  topic: string
  before: RouteRecord[]
  after: RouteRecord[]
  options: LossOptions
}

/** Returns how many records were found again. */
function compareTopic({ topic, before, after, options }: TopicPair, losses: Tally, list: FindingList): number {
  const left = Map.groupBy(after, identity)
  const here: Tally = { refusedRecords: 0, tombstones: 0, headers: 0, timestamps: 0, partitions: 0, schemaIds: 0 }
  let found = 0
  for (const record of before) {
    const now = left.get(identity(record))?.shift()
    if (now === undefined) {
      if (record.value.hash === 'null') here.tombstones += 1
      else if ([record.key.id, record.value.id].some((id) => id !== null && options.refusedIds?.has(id))) here.refusedRecords += 1
      else list.harm('record-missing', `${topic}/${record.partition}/${record.offset}`, `not there any more: ${record.shown}`, topic)
      continue
    }
    found += 1
    if (now.timestamp !== record.timestamp) here.timestamps += 1
    if (now.partition !== record.partition) here.partitions += 1
    if (now.headers !== record.headers) here.headers += record.headerCount
    here.schemaIds += Number(now.key.id !== record.key.id) + Number(now.value.id !== record.value.id)
  }
  const meanwhile = new Set(options.meanwhile?.find((one) => one.topic === topic)?.records.map(identity))
  const extra = [...left.values()].flat().filter((record) => !meanwhile.has(identity(record)))
  const asText = extra.filter(({ shown }) => / value "null"/.test(shown))
  if (asText.length > 0) list.harm('nulls-became-text', topic, `${asText.length} values are the text null now, where there was none at all`)
  for (const record of extra.filter((one) => !asText.includes(one)))
    list.harm('record-extra', `${topic}/${record.partition}/${record.offset}`, `was not there before: ${record.shown}`, topic)
  report(topic, found, here, list)
  for (const name of Object.keys(here) as (keyof Tally)[]) losses[name] += here[name]
  return found
}

function report(topic: string, found: number, here: Tally, list: FindingList): void {
  if (here.refusedRecords > 0)
    list.harm('records-refused', topic, `${here.refusedRecords} records are not there: the registry did not take their schema back`)
  if (here.tombstones > 0)
    list.harm('tombstones-lost', topic, `${here.tombstones} records with a null value are not there: a compacted topic keeps what they deleted`)
  if (here.headers > 0) list.harm('headers-lost', topic, `${here.headers} headers are not there`)
  if (here.timestamps > 0) list.harm('timestamps-changed', topic, `${here.timestamps} of ${found} records have the time of the restore`)
  if (here.partitions > 0) list.harm('partitions-changed', topic, `${here.partitions} of ${found} records stand in another partition`)
  if (here.schemaIds > 0) list.harm('schema-ids-changed', topic, `${here.schemaIds} keys and values carry another schema id`)
}

function identity({ key, value }: RouteRecord): string {
  return `${key.hash} ${value.hash}`
}
