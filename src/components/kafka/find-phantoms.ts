import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { RecordMeaning } from '../../change-events/change-event.ts'
import { connectKafka, type KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import type { KafkaRecord } from '../../clients/kafka/records.ts'
import type { Cut } from '../../recovery-point/cut-rule.ts'
import { type PhantomTracker, type TouchedKey, trackPhantoms } from '../../recovery-point/phantoms.ts'
import { liveRecords } from './committed-records.ts'

/** Header of records that undo phantoms; its value is the xid of the last one that it undoes. */
export const compensatesHeader = 'datapipe.compensates'

/** A live topic that is looked at. */
export interface LookedTopic {
  name: string
  topicId: string
  partitions: number
  /** By partition: where the cut ends it. It is read from its log start where that is not known. */
  from: ReadonlyMap<number, bigint>
  /** Topic prefixes of the connectors whose database is restored; events of others are nobody's here. */
  servers: ReadonlySet<string>
  /** One of these connectors writes it for sure. */
  captured: boolean
  meaning: (record: KafkaRecord) => RecordMeaning
}

/** A phantom as it is listed. */
export interface Phantom {
  topic: string
  partition: number
  offset: bigint
  key: Buffer | null
  txId: bigint | undefined
  lsn: bigint | undefined
  /** Undefined for a tombstone. */
  op: string | undefined
}

export interface PhantomPartition {
  partition: number
  /** Of the first phantom. */
  first: bigint
  /** Key as latin1. */
  touched: ReadonlyMap<string, TouchedKey>
  /** The stable end up to which was looked. */
  end: bigint
}

/** A topic with phantoms, or with records of which nobody knows. */
export interface PhantomTopic {
  topic: string
  topicId: string
  events: number
  transactions: number
  /** Keys that phantoms have touched and nothing has undone. */
  keys: number
  /** Changes without a key: of tables that have none, and TRUNCATE. Nothing undoes them. */
  keyless: number
  /** Events that change no row: messages, transactions' begin and end. */
  others: number
  partitions: PhantomPartition[]
  highestXid: bigint | undefined
  highestLsn: bigint | undefined
  /** The first record that cannot be placed, and why. */
  unplaced: { item: string; reason: string } | undefined
}

export interface FindPhantomsOptions {
  config: KafkaConfig
  topics: readonly LookedTopic[]
  cut: Cut
  /** Remember what undoing needs. */
  keepRows: boolean
  /** Is told of each before `meaning` is asked, to fetch what that needs. */
  prepare: (record: KafkaRecord) => Promise<void>
  onPhantom: (phantom: Phantom) => void
  context: Context
}

/**
 * Reads live topics from where the cut ends them, and finds what came of transactions behind it. Keeps in memory one entry a touched key.
 * Throws `unreachable`, `kafka-corrupt`.
 */
export async function findPhantoms(options: FindPhantomsOptions): Promise<PhantomTopic[]> {
  await using client = await connectKafka(options.config, options.context)
  const found: PhantomTopic[] = []
  for (const [index, topic] of options.topics.entries()) {
    const looked = await lookAt(client, topic, options)
    if (looked !== undefined && (looked.events > 0 || looked.unplaced !== undefined)) found.push(looked)
    options.context.emit({ type: 'progress', task: 'look for phantoms', done: index + 1, total: options.topics.length, unit: 'items' })
  }
  return found
}

/** Undefined for a topic of somebody else. */
async function lookAt(client: KafkaClient, topic: LookedTopic, options: FindPhantomsOptions): Promise<PhantomTopic | undefined> {
  const { name, topicId } = topic
  const wanted = new Map([[name, [...Array(topic.partitions).keys()]]])
  const starts = (await listOffsets(client, wanted, 'earliest')).get(name)
  const ends = (await listOffsets(client, wanted, 'stable')).get(name)
  const transactions = new Set<bigint>()
  const trackers: PhantomTracker[] = []
  const partitions: PhantomPartition[] = []
  let known = topic.captured
  let [keyless, others] = [0, 0]
  let unplaced: PhantomTopic['unplaced']
  for (const partition of wanted.get(name) ?? []) {
    const start = starts?.get(partition) ?? 0n
    const from = topic.from.get(partition) ?? start
    const end = ends?.get(partition) ?? start
    const tracker = trackPhantoms(options.cut, { keepRows: options.keepRows })
    trackers.push(tracker)
    const place = { client, lane: 'phantoms', topic: name, topicId, partition, from: from > start ? from : start, end }
    for await (const records of liveRecords(place)) {
      if (options.context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while looking for phantoms')
      for (const record of records) {
        await options.prepare(record)
        const meaning = topic.meaning(record)
        const foreign = foreignReason(meaning, topic)
        if (foreign !== undefined) {
          if (!known) return undefined
          unplaced ??= { item: `${name}/${partition}/${record.offset}`, reason: foreign }
          continue
        }
        if (meaning.kind === 'event') known = true
        const seen = tracker.see(seenRecord(record, meaning))
        if (seen === 'unplaced' && meaning.kind === 'event')
          unplaced ??= { item: `${name}/${partition}/${record.offset}`, reason: 'it names neither its transaction nor its place' }
        if (seen !== 'phantom') continue
        const event = meaning.kind === 'event' ? meaning : undefined
        if (event?.xid !== undefined) transactions.add(event.xid)
        if (event !== undefined && !changesRows(event.op)) others++
        else if (event !== undefined && !touchesKey(record, event.op)) keyless++
        options.onPhantom({ topic: name, partition, offset: record.offset, key: record.key, txId: event?.xid, lsn: event?.lsn, op: event?.op })
      }
    }
    if (tracker.first !== undefined) partitions.push({ partition, first: tracker.first, touched: tracker.touched, end })
  }
  return {
    topic: name,
    topicId,
    events: trackers.reduce((sum, { events }) => sum + events, 0),
    transactions: transactions.size,
    keys: trackers.reduce((sum, { touched }) => sum + touched.size, 0),
    keyless,
    others,
    partitions,
    highestXid: highest(trackers.map(({ highestXid }) => highestXid)),
    highestLsn: highest(trackers.map(({ highestLsn }) => highestLsn)),
    unplaced,
  }
}

function seenRecord(record: KafkaRecord, meaning: RecordMeaning) {
  const { offset, key, value, headers } = record
  return {
    offset,
    key: meaning.kind === 'event' && !touchesKey(record, meaning.op) ? undefined : key?.toString('latin1'),
    value,
    event: meaning.kind === 'event' ? { ...meaning, initialSnapshot: meaning.snapshot === 'initial' } : undefined,
    compensates: headers.some((header) => header.key.toString('latin1') === compensatesHeader),
  }
}

/** A row's change, of a table with a key. */
function touchesKey({ key }: KafkaRecord, op: string | undefined): boolean {
  return key !== null && op !== 't' && changesRows(op)
}

function changesRows(op: string | undefined): boolean {
  return op !== undefined && op !== 'm'
}

function foreignReason(meaning: RecordMeaning, { servers }: LookedTopic): string | undefined {
  if (meaning.kind === 'foreign') return meaning.reason
  if (meaning.kind === 'tombstone' || meaning.server === undefined || servers.has(meaning.server)) return undefined
  return `it comes from another connector, ${meaning.server}`
}

function highest(values: (bigint | undefined)[]): bigint | undefined {
  return values.reduce((a, b) => (a === undefined || (b !== undefined && b > a) ? b : a), undefined)
}
