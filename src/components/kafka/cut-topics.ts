import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import type { RecordMeaning } from '../../change-events/change-event.ts'
import type { BatchHeader } from '../../clients/kafka/record-batch.ts'
import { type KafkaRecord, readRecords } from '../../clients/kafka/records.ts'
import { type CutRecord, cutPartition, type PartitionCut } from '../../recovery-point/cut-partition.ts'
import { belongsToCut, type Cut } from '../../recovery-point/cut-rule.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import type { KafkaPart, PartitionPart, TopicPart } from './part.ts'
import { abortFilter } from './read-committed.ts'
import { storedBatches } from './restore-partition.ts'

/** A topic that is looked at. */
export interface CutTopic {
  name: string
  /** Topic prefixes of the connectors whose transactions the log knows; events of others are nobody's here. */
  servers: ReadonlySet<string>
  /** A connector writes it for sure: a record that cannot be placed is refused. Otherwise one makes it a topic of somebody else's. */
  captured: boolean
  meaning: (record: KafkaRecord) => RecordMeaning
}

export interface CutTopicsOptions extends Cut {
  part: KafkaPart
  reader: ArtifactReader
  topics: CutTopic[]
  /** Records of `topic/partition` below this offset are known to belong: they are not read. */
  settled?: ReadonlyMap<string, bigint>
  /** The topics were stored while their connectors stood still: what no position places belongs. */
  unplacedStay?: boolean
  context: Context
}

export interface CutTopicsResult {
  /** By `topic/partition`: the offset that the cut ends it at. Partitions of which nothing goes are not in it. */
  ends: Map<string, bigint>
  findings: Finding[]
  counts: { topics: number; partitions: number; read: number; removed: number }
  /** Topics that carry no change events of these connectors: other rules say what of them belongs. */
  others: string[]
}

/**
 * Where does a cut end the topics of a backup? Reads the stored records that are not settled, keeps none of them, and gives an end offset
 * for every partition of which something goes. Throws `cut-not-possible` with topic, partition and offset of the first record that no
 * end offset, or nobody, can place; `artifact-damaged`, `artifact-missing`.
 */
export async function cutTopics(options: CutTopicsOptions): Promise<CutTopicsResult> {
  const result: CutTopicsResult = { ends: new Map(), findings: [], counts: { topics: 0, partitions: 0, read: 0, removed: 0 }, others: [] }
  for (const topic of options.topics) {
    const part = options.part.topics.find(({ name }) => name === topic.name)
    if (part !== undefined) await cutTopic(topic, part, options, result)
  }
  return result
}

async function cutTopic(topic: CutTopic, part: TopicPart, options: CutTopicsOptions, result: CutTopicsResult): Promise<void> {
  const seen: Seen = { read: 0, removed: 0, kept: 0, snapshots: { initial: 0, incremental: 0 } }
  for (const partition of part.partitions) {
    const item = `${topic.name}/${partition.partition}`
    const settled = options.settled?.get(item) ?? 0n
    const from = settled > partition.startOffset ? settled : partition.startOffset
    if (from > partition.startOffset) seen.kept++
    const cut = await cutOne({ topic, partition, from, seen, options })
    if (cut === 'foreign') {
      result.others.push(topic.name)
      return
    }
    result.counts.partitions++
    if (cut.end !== undefined) result.ends.set(item, cut.end)
  }
  result.counts.topics++
  result.counts.read += seen.read
  result.counts.removed += seen.removed
  result.findings.push(...snapshotFindings(topic.name, seen), ...compactionFindings(part, result.ends))
}

/** Of one topic: records read and removed, partitions with records that stay, and rows of snapshots among what was removed. */
interface Seen {
  read: number
  removed: number
  kept: number
  snapshots: { initial: number; incremental: number }
}

interface PartitionWork {
  topic: CutTopic
  partition: PartitionPart
  from: bigint
  seen: Seen
  options: CutTopicsOptions
}

async function cutOne(work: PartitionWork): Promise<PartitionCut | 'foreign'> {
  const { topic, partition, from, seen, options } = work
  const item = `${topic.name}/${partition.partition}`
  const cut = cutPartition()
  // Behind settled records it may follow one of them.
  let before: Before = from > partition.startOffset ? 'unread' : undefined
  let gone = nothingGone()
  let known = topic.captured
  for await (const record of recordsFrom(work, from)) {
    const meaning = topic.meaning(record)
    const foreign = foreignReason(meaning, topic)
    if (foreign !== undefined) {
      if (!known) return 'foreign'
      throw notPossible(`${item}/${record.offset}`, foreign)
    }
    if (meaning.kind === 'event') known = true
    seen.read++
    cut.see(record.offset, cutRecord(record, meaning, before, options))
    if (cut.end === undefined) {
      seen.kept++
      gone = nothingGone()
    } else countGone(meaning, gone)
    before = { key: record.key, deletes: deletes(meaning) }
  }
  if (cut.behind.size > 0) {
    for await (const record of recordsFrom({ ...work, partition: { ...partition, endOffset: cut.end ?? 0n } }, partition.startOffset)) {
      const meaning = topic.meaning(record)
      if (meaning.kind === 'event') cut.prove(identityOf(record, meaning))
      if (cut.behind.size === 0) break
    }
  }
  const refusal = cut.refusal()
  if (refusal !== undefined) throw notPossible(`${item}/${refusal.offset}`, refusal.reason)
  seen.removed += gone.records
  seen.snapshots.initial += gone.initial
  seen.snapshots.incremental += gone.incremental
  return cut
}

/** Behind the end as far as it is known: an event that belongs may still move it. */
const nothingGone = () => ({ records: 0, initial: 0, incremental: 0 })

function countGone(meaning: RecordMeaning, gone: ReturnType<typeof nothingGone>): void {
  gone.records++
  if (meaning.kind === 'event' && meaning.snapshot !== 'none') gone[meaning.snapshot]++
}

/** The record before it in its partition. */
type Before = { key: Buffer | null; deletes: boolean } | 'unread' | undefined

function cutRecord(record: KafkaRecord, meaning: RecordMeaning, before: Before, cut: Cut & Pick<CutTopicsOptions, 'unplacedStay'>): CutRecord {
  if (meaning.kind !== 'event') {
    return { kind: follows(record, before) ? 'follower' : 'anonymous' }
  }
  if (meaning.snapshot === 'incremental') return { kind: cut.unplacedStay ? 'follower' : 'unplaced' }
  const belonging = belongsToCut({ ...meaning, initialSnapshot: meaning.snapshot === 'initial' }, cut)
  return { kind: 'event', belonging, identity: () => identityOf(record, meaning) }
}

function follows({ key }: KafkaRecord, before: Before): boolean {
  if (before === undefined || before === 'unread') return before === 'unread'
  return before.deletes && before.key !== null && key !== null && before.key.equals(key)
}

/** Flattened records that say no operation may all be deletes. */
function deletes(meaning: RecordMeaning): boolean {
  return meaning.kind === 'event' && (meaning.op === 'd' || meaning.op === undefined)
}

function identityOf({ key }: KafkaRecord, { op, xid, lsn, snapshot }: RecordMeaning & { kind: 'event' }): string {
  return `${op} ${xid} ${lsn} ${snapshot} ${key?.toString('latin1') ?? ''}`
}

function foreignReason(meaning: RecordMeaning, { servers }: CutTopic): string | undefined {
  if (meaning.kind === 'foreign') return meaning.reason
  if (meaning.kind === 'tombstone' || meaning.server === undefined || servers.has(meaning.server)) {
    const placed = meaning.kind === 'tombstone' || meaning.xid !== undefined || meaning.op === 'm' || meaning.snapshot !== 'none'
    return placed ? undefined : 'it names no transaction (source.txId)'
  }
  return `it comes from another connector, ${meaning.server}`
}

/** Committed records of a stored partition at or behind an offset, one by one. */
async function* recordsFrom({ topic, partition, options }: PartitionWork, from: bigint): AsyncGenerator<KafkaRecord> {
  const { reader, context } = options
  const isAborted = abortFilter(partition.aborted)
  const isOutside = ({ header, end }: { header: BatchHeader; end: bigint }) => header.lastOffset < from || header.baseOffset >= end
  const { endOffset } = partition
  for (const artifact of partition.artifacts) {
    if (artifact.lastOffset < from || artifact.firstOffset >= endOffset) continue
    for await (const { bytes, header } of storedBatches(reader, artifact, topic.name, partition.partition)) {
      if (context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while reading topics')
      if (header.control || isOutside({ header, end: endOffset }) || isAborted(header)) continue
      for (const record of readRecords(bytes, header)) if (record.offset >= from && record.offset < endOffset) yield record
    }
  }
}

function notPossible(item: string, reason: string): DatapipeError {
  return new DatapipeError('cut-not-possible', `the topics cannot be cut by transaction: at ${item}, ${reason}`, { path: `kafka/topics/${item}` })
}

/** What the topics lack at the cut, since the snapshot that brought it came later. */
function snapshotFindings(topic: string, { snapshots, kept }: Seen): Finding[] {
  const next = 'take an incremental snapshot of its table when the connector runs again'
  if (snapshots.initial > 0 && kept === 0) {
    const message = `its initial snapshot was taken behind the cut: rows that its table has at the cut have no event in it`
    return [finding('harm', 'snapshot-after-cut', topic, message, next)]
  }
  if (snapshots.incremental === 0) return []
  const message = `${snapshots.incremental} rows of an incremental snapshot stand behind the cut, or where it falls: they are left out, and that snapshot does not go on by itself`
  return [finding('warning', 'snapshot-cut', topic, message, next)]
}

/** Compaction keeps the newest record of a key: it may have taken one that belongs for the sake of one that does not. */
function compactionFindings({ name, configs, partitions }: TopicPart, ends: ReadonlyMap<string, bigint>): Finding[] {
  if (!(configs['cleanup.policy']?.includes('compact') ?? false)) return []
  return partitions.flatMap(({ partition, gaps }) => {
    const end = ends.get(`${name}/${partition}`)
    if (end === undefined || !gaps.first.some(({ from, reason }) => reason === 'compaction' && from < end)) return []
    const message = `the topic is compacted: of keys that were changed again behind the cut (offset ${end}), compaction may have taken the event that belongs`
    return [
      finding(
        'warning',
        'compacted-before-cut',
        `${name}/${partition}`,
        message,
        'choose a later point, or take an incremental snapshot of its table',
      ),
    ]
  })
}

function finding(severity: Finding['severity'], code: string, item: string, message: string, next: string): Finding {
  return { severity, code, component: 'kafka', item, message, next }
}
