import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import type { DatapipeConfig, KafkaConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { formatLsn, parseLsn } from '../../base/lsn.ts'
import type { PlanStep } from '../../components/component.ts'
import { findPhantoms, type LookedTopic, type Phantom, type PhantomTopic } from '../../components/kafka/find-phantoms.ts'
import { readGroups } from '../../components/kafka/groups.ts'
import type { GroupSnapshot, KafkaPart } from '../../components/kafka/part.ts'
import { selectTopics } from '../../components/kafka/select-topics.ts'
import { readTransactionLog } from '../../components/postgres/read-transaction-log.ts'
import { readPartSnapshot } from '../../components/registry/part.ts'
import type { TransactionLog } from '../../recovery-point/transaction-log.ts'
import type { RecoveryPoint } from '../../repository/manifest.ts'
import type { Backup } from '../../repository/open-backup.ts'
import { registryTopics } from '../backup/topic-kinds.ts'
import { capturingConnectors, cutBackup, topicsToCut } from '../cut/cut-backup.ts'
import { type Parts, partsOf } from './parts.ts'
import type { PhantomWay } from './phantom-ways.ts'
import { type PhantomSchemas, phantomSchemas } from './phantom-schemas.ts'
import type { Cut } from './resolve-point.ts'

export interface PhantomOptions {
  /** What is done with them; `report` when left out. */
  way?: PhantomWay
  /** File that lists each, a JSON object a line. */
  list?: string
}

export interface PhantomPlan {
  way: PhantomWay
  topics: PhantomTopic[]
  /** By `topic/partition` of the backup: where the cut ends it. */
  ends: ReadonlyMap<string, bigint>
  /** How their records are read. */
  read: Pick<Looked, 'meanings' | 'schemaOf'>
  /** Positions of live groups in these topics. */
  groups: GroupSnapshot[]
  /** The highest that were ever sent from behind the cut. */
  highest: { lsn: bigint | undefined; xid: bigint | undefined }
  steps: PlanStep[]
  findings: Finding[]
}

export interface PlanPhantomsOptions {
  config: DatapipeConfig
  backup: Backup
  /** What is restored. */
  parts: Parts
  point: RecoveryPoint
  cut: Cut | undefined
  phantoms: PhantomOptions
  inPlace: boolean
  /** The new server is lifted past what was sent. */
  lift: boolean
  context: Context
}

/**
 * PostgreSQL is restored and Kafka lives on: its topics hold events of transactions that no longer are. Finds them, and says what is done about
 * them. Undefined where that cannot be. Throws `usage`, `target-is-source` for live topics that would be deleted without `--in-place`,
 * `target-not-empty` for a list that is there.
 */
export async function planPhantoms(options: PlanPhantomsOptions): Promise<PhantomPlan | undefined> {
  const { config, backup, parts, phantoms, context } = options
  const owners = partsOf(backup)
  const alone = parts.postgres !== undefined && parts.kafka === undefined && owners.kafka !== undefined && config.kafka !== undefined
  if (!alone) {
    if (phantoms.way === undefined && phantoms.list === undefined && !options.lift) return undefined
    throw new DatapipeError('usage', 'there are phantoms only where PostgreSQL is restored and the topics live on', {
      hint: 'say --only postgres connect with --phantoms, --phantom-list and --lift',
    })
  }
  const { kafka } = config
  if (owners.kafka === undefined || kafka === undefined || owners.postgres === undefined) return undefined
  const way = phantoms.way ?? 'report'
  const ends = await endsAtCut(options, owners.kafka)
  const list = await openList(phantoms.list)
  try {
    const { topics, ...read } = await inPhase(context, 'look for phantoms', async () => {
      const cut = { log: await logOf(options), lsn: parseLsn(options.point.postgres?.lsn ?? '') }
      const { looked, prepare, ...read } = await topicsToLookAt(options, kafka, ends)
      const found = findPhantoms({ config: kafka, topics: looked, cut, keepRows: way === 'compensate', prepare, onPhantom: list.write, context })
      return { ...read, topics: await found }
    })
    const withEvents = topics.filter(({ events }) => events > 0)
    const groups = (await readGroups(kafka, context)).filter(({ offsets }) =>
      offsets.some(({ topic }) => withEvents.some((each) => each.topic === topic)),
    )
    const highest = { lsn: highestOf(topics.map(({ highestLsn }) => highestLsn)), xid: highestOf(topics.map(({ highestXid }) => highestXid)) }
    return {
      way,
      topics: withEvents,
      ends,
      read,
      groups,
      highest,
      steps: withEvents.map((topic) => ({ component: 'kafka', text: stepOf(topic, way), destructive: way === 'truncate' })),
      findings: [
        ...(way === 'report' ? withEvents.flatMap((topic) => phantomFinding(topic, groups)) : []),
        // Of a topic that is restored to the cut, such a record goes with the others.
        ...topics
          .filter(({ events }) => way !== 'truncate' || events === 0)
          .flatMap(({ topic, unplaced }) => (unplaced === undefined ? [] : [unplacedFinding(topic, unplaced)])),
        ...(options.lift ? [] : reusedFindings(highest, options.point)),
      ],
    }
  } catch (error) {
    // Without Kafka the database can be had all the same.
    if (!(error instanceof DatapipeError) || error.code !== 'unreachable' || way !== 'report') throw error
    const read: PhantomPlan['read'] = { meanings: new Map(), schemaOf: () => 'nobody has looked' }
    return { way, topics: [], ends, read, groups: [], highest: { lsn: undefined, xid: undefined }, steps: [], findings: [notLooked(error.message)] }
  } finally {
    await list.close()
  }
}

/** The stored WAL of a cut, or of the backup's own point. */
async function logOf({ backup, cut, context }: PlanPhantomsOptions): Promise<TransactionLog> {
  if (cut !== undefined) return cut.log
  const { postgres } = partsOf(backup)
  if (postgres === undefined) throw new TypeError('a point without PostgreSQL')
  const { server, wal } = postgres
  return await readTransactionLog({ segments: wal.segments, server, reachesLsn: wal.reachesLsn, reader: backup.component('postgres'), context })
}

/** By `topic/partition`: where the backup's topics end at the cut. */
async function endsAtCut({ backup, cut, context }: PlanPhantomsOptions, part: KafkaPart): Promise<Map<string, bigint>> {
  const own = Object.entries(backup.manifest.recoveryPoint.kafka?.endOffsets ?? {}).flatMap(([topic, partitions]) =>
    Object.entries(partitions).map(([partition, end]) => [`${topic}/${partition}`, BigInt(end)] as const),
  )
  const ends = new Map<string, bigint>(own)
  if (cut === undefined) return ends
  const readers = { kafka: backup.component('kafka'), registry: backup.component('registry'), connect: backup.component('connect') }
  const result = await cutBackup({ parts: { ...partsOf(backup), kafka: part }, readers, log: cut.log, lsn: cut.lsn, context })
  for (const [item, end] of result.ends) ends.set(item, end)
  return ends
}

interface Looked extends PhantomSchemas {
  looked: LookedTopic[]
  /** By topic. */
  meanings: ReadonlyMap<string, LookedTopic['meaning']>
}

/** Every selected live topic that may carry change events; of one that is still the backup's, from its end there. */
async function topicsToLookAt(
  { config, backup, context }: PlanPhantomsOptions,
  kafka: KafkaConfig,
  ends: ReadonlyMap<string, bigint>,
): Promise<Looked> {
  const owners = partsOf(backup)
  const readers = { kafka: backup.component('kafka'), registry: backup.component('registry'), connect: backup.component('connect') }
  const connectors = await capturingConnectors(owners, readers)
  const snapshot = owners.registry && (await readPartSnapshot(owners.registry, backup.component('registry')))
  const { schemaOf, prepare } = phantomSchemas(snapshot, config.registry, context)
  const without = new Set([...registryTopics(owners.registry?.topic), ...Object.values(owners.connect?.internalTopics ?? {})])
  const live = (await selectTopics(kafka, context)).filter(({ name, internal }) => !internal && !without.has(name))
  const kinds = new Map(
    topicsToCut(
      live.map(({ name }) => name),
      connectors,
      schemaOf,
    ).map((kind) => [kind.name, kind]),
  )
  const looked = live.flatMap(({ name, topicId, partitions }): LookedTopic[] => {
    const kind = kinds.get(name)
    if (kind === undefined) return []
    const stored = owners.kafka?.topics.find((topic) => topic.topicId === topicId)
    const from = (stored?.partitions ?? []).flatMap(({ partition, endOffset }) => [
      [partition, ends.get(`${name}/${partition}`) ?? endOffset] as const,
    ])
    return [{ ...kind, topicId, partitions, from: new Map(from) }]
  })
  return { looked, prepare, schemaOf, meanings: new Map(looked.map(({ name, meaning }) => [name, meaning])) }
}

function stepOf({ topic, events, transactions, keys, keyless, partitions }: PhantomTopic, way: PhantomWay): string {
  const [first] = partitions
  const what = `${events} events of ${transactions} transactions that no longer are, on ${keys} keys, from ${topic}/${first?.partition}/${first?.first} on`
  if (way === 'truncate') return `delete topic ${topic} and restore it to the cut, which leaves out ${what}; set the positions of its groups`
  if (way === 'report') return `leave in ${topic} ${what}`
  const rest = keyless === 0 ? '' : `; ${keyless} events without a key stay`
  return keys === 0 ? `leave in ${topic} ${what}: they are undone${rest}` : `write to ${topic} what undoes ${what}${rest}`
}

function phantomFinding(
  { topic, events, transactions, keys, keyless, others, partitions }: PhantomTopic,
  groups: readonly GroupSnapshot[],
): Finding[] {
  // All of them are undone already.
  if (keys + keyless + others === 0) return []
  const readers = groups.filter(({ offsets }) =>
    offsets.some((at) => at.topic === topic && partitions.some(({ partition, first }) => partition === at.partition && at.offset > first)),
  )
  const names = readers.map(({ groupId }) => groupId).join(', ')
  const places = partitions.slice(0, 3).map(({ partition, first }) => `${partition}/${first}`)
  return [
    {
      severity: keys + keyless > 0 ? 'harm' : 'warning',
      code: 'phantom-events',
      component: 'kafka',
      item: topic,
      message: `holds ${events} events of ${transactions} transactions that the restored database does not have, on ${keys} keys, from ${places.join(', ')} on (partition/offset); ${names === '' ? 'no group has a position behind the first' : `read already by ${names}`}`,
      next: '--phantoms compensate writes events that undo them, --phantoms truncate restores the topic without them, --phantom-list FILE lists them',
    },
  ]
}

function unplacedFinding(topic: string, { item, reason }: { item: string; reason: string }): Finding {
  return {
    severity: 'warning',
    code: 'phantoms-unknown',
    component: 'kafka',
    item: topic,
    message: `nobody can tell of record ${item} whether its transaction still is: ${reason}`,
    next: 'compare the topic with its table, or let the connector take a new snapshot',
  }
}

/** What sinks that deduplicate by position, and were not rolled back, will take for old. */
function reusedFindings({ lsn, xid }: PhantomPlan['highest'], point: RecoveryPoint): Finding[] {
  if (lsn === undefined && xid === undefined) return []
  const positions = [...(lsn === undefined ? [] : [`LSNs up to ${formatLsn(lsn)}`]), ...(xid === undefined ? [] : [`xids up to ${xid}`])]
  return [
    {
      severity: 'warning',
      code: 'positions-reused',
      component: 'postgres',
      item: point.postgres?.lsn ?? '',
      message: `${positions.join(' and ')} were sent, and will be given out again from here: whoever tells old from new by source.lsn or source.txId drops new events`,
      next: '--lift burns WAL and xids past them before anybody writes',
    },
  ]
}

function notLooked(message: string): Finding {
  return {
    severity: 'warning',
    code: 'phantoms-not-looked-at',
    component: 'kafka',
    item: 'topics',
    message: `nobody has looked whether topics hold events of transactions that the restored database does not have: ${message}`,
    next: 'look for them when Kafka answers: datapipe restore BACKUP --only postgres --dry-run',
  }
}

function highestOf(values: (bigint | undefined)[]): bigint | undefined {
  return values.reduce((a, b) => (a === undefined || (b !== undefined && b > a) ? b : a), undefined)
}

interface PhantomList {
  write(phantom: Phantom): void
  close(): Promise<void>
}

/** Throws `target-not-empty` for a file that is there, `storage-failed`. */
async function openList(file: string | undefined): Promise<PhantomList> {
  if (file === undefined) return { write: () => {}, close: async () => {} }
  const stream = createWriteStream(file, { flags: 'wx', mode: 0o600 })
  try {
    await once(stream, 'open')
  } catch (cause) {
    const there = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    throw new DatapipeError(
      there ? 'target-not-empty' : 'storage-failed',
      there ? `${file} is there already` : 'the list of phantoms cannot be written there',
      {
        path: file,
        hint: 'name another file with --phantom-list',
        cause,
      },
    )
  }
  return {
    write({ topic, partition, offset, key, txId, lsn, op }) {
      const line = { topic, partition, offset: String(offset), key: key?.toString('base64') ?? null, txId: txId === undefined ? null : String(txId) }
      stream.write(`${JSON.stringify({ ...line, lsn: lsn === undefined ? null : formatLsn(lsn), op: op ?? null })}\n`)
    },
    async close() {
      stream.end()
      await once(stream, 'close')
    },
  }
}
