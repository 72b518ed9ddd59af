import type { ConnectConfig, DatapipeConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { type Lsn, parseLsn } from '../../base/lsn.ts'
import type { ConnectorOffset } from '../../clients/connect.ts'
import { connectPostgres } from '../../clients/postgres.ts'
import { readOffsets, resumeConnectors, stopConnectors } from '../../components/connect/control.ts'
import { capturesRelation, databaseOf, publicationNameOf, sendsTruncate, slotNameOf } from '../../components/connect/debezium.ts'
import type { ConnectorState } from '../../components/connect/inventory.ts'
import { type FrozenTopics, freezeTopics } from '../../components/kafka/freeze.ts'
import { readGroups } from '../../components/kafka/groups.ts'
import type { GroupSnapshot } from '../../components/kafka/part.ts'
import { selectTopics, type TopicInfo } from '../../components/kafka/select-topics.ts'
import type { ArtifactWriter } from '../../repository/artifact.ts'
import { isInSnapshot, resolveOffset } from '../../recovery-point/resolve-offset.ts'
import { type ConnectorPosition, takeBarrier } from '../../recovery-point/take-barrier.ts'
import { behindCut } from '../../recovery-point/take-running.ts'
import type { TransactionLog } from '../../recovery-point/transaction-log.ts'
import type { RecoveryPoint } from '../../repository/manifest.ts'
import { capturingConnectors, hasSlot, ofThisServer, refuseFailedConnectors } from './capturing.ts'
import type { Sources } from './sources.ts'
import { takeRunningPoint } from './take-running-point.ts'

/** The positions that belong together, as they were read. */
export interface TakenPoint {
  kind: RecoveryPoint['kind']
  lsn: Lsn | undefined
  xid: string | undefined
  time: string | undefined
  /** The topics as they were when their ends were taken, and those ends. */
  topics: TopicInfo[] | undefined
  frozen: FrozenTopics | undefined
  groups: GroupSnapshot[]
  /** Stored offsets of the connectors that stood still, by name. */
  offsets: ReadonlyMap<string, ConnectorOffset[]>
  /** Seconds that change capture stood still, over all attempts; 0 without a connector. */
  pausedSeconds: number
  attempts: number
  takenAt: string
  /** Of a point by transaction: every event in the topics is of one that commits before this. */
  walEnd?: Lsn
  /** Of a barrier: the transactions behind `lsn` that the topics may have events of all the same. */
  behind?: TransactionLog
}

interface PointOptions {
  config: DatapipeConfig
  sources: Sources
  /** Remembers which connectors stand still, so that a killed backup does not leave them so for ever. */
  writer: ArtifactWriter
  /** End of the base backup: no point may lie before it. */
  notBefore: Lsn | undefined
  /** No connector is stopped. */
  withoutBarrier: boolean
  context: Context
}

/** Key of the note that names connectors which a backup has stopped. */
export const stoppedNote = 'connect/stopped'

/**
 * By barrier, or by transaction without one, when running Debezium connectors capture this database; otherwise nothing ties the components
 * together but the moment.
 * Throws `barrier-not-reached`, and whatever the servers refuse.
 */
export async function takePoint(options: PointOptions): Promise<TakenPoint> {
  const { config, sources, context } = options
  const capturing = capturingConnectors(sources)
  if (config.postgres === undefined || config.connect === undefined || capturing.length === 0) return momentPoint(options)
  const { postgres, connect } = config
  await refuseFailedConnectors(sources, connect, context)
  await refuseSnapshots(capturing, connect, context)
  // Of every connector, also of those that go on: an offset read after the end offsets would lie ahead of the records that are kept.
  const read = {
    readOffsets: () => allOffsets(sources, connect, context),
    readGroups: async () => (config.kafka === undefined ? [] : readGroups(config.kafka, context)),
    freeze: () => freezeNow(config, context),
  }
  if (options.withoutBarrier) return takeRunningPoint({ ...read, postgres, connect, capturing, notBefore: options.notBefore, context })
  const positions = new Map<string, ConnectorPosition>()
  await options.writer.remember(
    stoppedNote,
    capturing.map(({ name }) => name),
    [],
  )
  const barrier = await takeBarrier(
    {
      connectors: capturing.map(({ name }) => name),
      stop: (names) => stopConnectors(connect, names, context),
      // Not to be stopped by Ctrl-C: a connector that stays stopped is a fault of ours.
      resume: (names) => resumeConnectors(connect, names, { ...context, signal: new AbortController().signal }),
      ...read,
      notBefore: options.notBefore,
      async resolve(name, offsets) {
        const position = await whereItStands({ connector: named(capturing, name), offsets: offsets.get(name) ?? [], url: postgres.url, context })
        positions.set(name, position)
        return position
      },
    },
    context,
  )
  const { lsn, xid, time, groups, ends, offsets, pausedSeconds, attempts, takenAt } = barrier
  const behind = behindCut(positions, lsn)
  return { kind: 'barrier', lsn, xid, time, ...ends, groups, offsets, pausedSeconds, attempts, takenAt, ...(behind && { behind }) }
}

/** Before anything is stopped: a snapshot begins anew after every stop, and a long one would never end. Throws `barrier-not-reached`. */
async function refuseSnapshots(capturing: ConnectorState[], config: ConnectConfig, context: Context): Promise<void> {
  for (const { name } of capturing) {
    const [stored] = await readOffsets(config, name, context)
    if (!isInSnapshot(stored?.offset)) continue
    throw new DatapipeError('barrier-not-reached', `connector ${name} has not finished its initial snapshot: it has no position to cut at yet`, {
      path: `connect/${name}`,
      hint: "wait until it has (its offsets appear then); if it never does, read the worker's log: a topic that cannot be created looks like this",
    })
  }
}

/**
 * Connectors that the point does not hold. Harm: one of this server that stands still, or has lost its slot, somewhere before the cut; the
 * changes in between are in no topic, and a slot made at the cut does not have them either. A warning: one that was taken for another server's.
 */
export function unheld(sources: Sources): Finding[] {
  const finding = (item: string, rest: Pick<Finding, 'severity' | 'code' | 'message'> & { next: string }): Finding => ({
    component: 'connect',
    item,
    ...rest,
  })
  const own = ofThisServer(sources).flatMap((connector) => {
    const { name, state } = connector
    if (state !== 'RUNNING') {
      const message = `is ${state}: changes that it has not captured yet are in no topic, and would be skipped after a restore`
      return [finding(name, { severity: 'harm', code: 'connector-not-running', message, next: 'resume it, let it catch up, then back up again' })]
    }
    if (hasSlot(connector, sources)) return []
    const message = `its slot ${slotNameOf(connector.config)} is not there: changes that it has not captured are in no topic, and would be skipped after a restore`
    return [finding(name, { severity: 'harm', code: 'slot-missing', message, next: 'let it take a new snapshot, then back up again' })]
  })
  const others = [...sources.owners].flatMap(([name, ownership]) =>
    ownership.owned === false && !ownership.declared
      ? [
          finding(name, {
            severity: 'warning',
            code: 'connector-of-another-server',
            message: `was taken for another PostgreSQL's: ${ownership.reason}. Its offset is kept as it is`,
            next: 'if that is right, name it in connect.otherServers; if not, its slot is lost: `datapipe check`',
          }),
        ]
      : [],
  )
  return [...own, ...others]
}

async function allOffsets({ connect }: Sources, config: ConnectConfig, context: Context): Promise<Map<string, ConnectorOffset[]>> {
  const names = (connect?.connectors ?? []).map(({ name }) => name)
  return new Map(await Promise.all(names.map(async (name) => [name, await readOffsets(config, name, context)] as const)))
}

function named(connectors: ConnectorState[], name: string): ConnectorState {
  const found = connectors.find((connector) => connector.name === name)
  if (found === undefined) throw new TypeError(`no connector ${name}`)
  return found
}

async function whereItStands(of: {
  connector: ConnectorState
  offsets: { offset: Record<string, unknown> | null }[]
  url: string
  context: Context
}): Promise<ConnectorPosition> {
  const { connector, offsets, url, context } = of
  const [stored, second] = offsets
  if (stored?.offset == null) return { clean: false, reason: 'it has no stored offset yet: its initial snapshot has not finished' }
  if (second !== undefined)
    throw new DatapipeError('not-supported', `connector ${connector.name} keeps ${offsets.length} source partitions; one was expected`)
  await using client = await connectPostgres(url, { database: databaseOf(connector.config), signal: context.signal })
  return await resolveOffset({
    client,
    slot: slotNameOf(connector.config),
    publication: publicationNameOf(connector.config),
    offset: stored.offset,
    captures: capturesRelation(connector.config),
    sendsTruncate: sendsTruncate(connector.config),
  })
}

/** The moment: offsets and groups, then end offsets, then the WAL position, so that no position lies behind what it belongs to. */
async function momentPoint({ config, sources, context }: PointOptions): Promise<TakenPoint> {
  return inPhase(context, 'recovery point without a connector', async () => {
    const offsets = config.connect === undefined ? new Map<string, ConnectorOffset[]>() : await allOffsets(sources, config.connect, context)
    const groups = config.kafka === undefined ? [] : await readGroups(config.kafka, context)
    const ends = await freezeNow(config, context)
    const lsn = config.postgres === undefined ? undefined : await currentLsn(config.postgres.url, context)
    return {
      kind: 'no-connector',
      lsn,
      xid: undefined,
      time: undefined,
      ...ends,
      groups,
      offsets,
      pausedSeconds: 0,
      attempts: 0,
      takenAt: context.now().toISOString(),
    }
  })
}

/** Selects the topics anew: one that was born since the backup began holds events from before the point, and would be lost without a word. */
async function freezeNow({ kafka }: DatapipeConfig, context: Context): Promise<Pick<TakenPoint, 'topics' | 'frozen'>> {
  if (kafka === undefined) return { topics: undefined, frozen: undefined }
  const topics = await selectTopics(kafka, context)
  return { topics, frozen: await freezeTopics(kafka, topics, context) }
}

async function currentLsn(url: string, context: Context): Promise<Lsn> {
  await using client = await connectPostgres(url, { signal: context.signal })
  const [row] = await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn')
  return parseLsn(row?.lsn ?? '')
}
