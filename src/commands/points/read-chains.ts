import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import type { Finding } from '../../base/finding.ts'
import { type Lsn, parseLsn } from '../../base/lsn.ts'
import type { PostgresPart } from '../../components/postgres/part.ts'
import { type RestorePoint, readTransactionLog, type WalLog } from '../../components/postgres/read-transaction-log.ts'
import { segmentAfter } from '../../components/postgres/wal-segment.ts'
import { type KnownWal, neighbours, type Window } from '../../recovery-point/aim.ts'
import { createArtifactReader } from '../../repository/artifact-reader.ts'
import { componentNames } from '../../repository/layout.ts'
import { listBackups } from '../../repository/list-backups.ts'
import type { RecoveryPoint } from '../../repository/manifest.ts'
import { readManifest } from '../../repository/read-manifest.ts'
import type { Storage } from '../../storage/storage.ts'
import { partsOf } from '../restore/parts.ts'

export interface BackupWindow extends Window {
  label: string | undefined
  point: RecoveryPoint
  part: PostgresPart
  components: ComponentName[]
}

/** WAL of one server and timeline without a gap, and the backups that it belongs to. */
export interface Chain extends KnownWal {
  systemIdentifier: string
  timeline: number
  /** Oldest first. */
  windows: BackupWindow[]
  /** Named by people: those that backups make for themselves are left out. */
  restorePoints: RestorePoint[]
}

/** The name of the restore points that a backup makes to have its WAL reach behind its recovery point. */
const ownRestorePoint = 'datapipe'

export interface ReadChainsOptions {
  storage: Storage
  /** These backups alone. */
  ids?: readonly string[]
  /** What is to be restored: PostgreSQL alone goes as far as its WAL, whatever the topics reach. */
  only?: readonly ComponentName[] | undefined
  /** Read no more than a backup whose window holds this place needs, where there is one. */
  at?: Lsn
  context: Context
}

export interface ReadChains {
  chains: Chain[]
  /** Backups whose WAL is not as their manifests say: `wal-unreadable`. */
  findings: Finding[]
}

/**
 * Reads the WAL of every backup that can be restored, each segment once, and which of its commits each backup reaches. Damaged and unfinished
 * backups are left out.
 */
export async function readChains({ storage, ids, only, at, context }: ReadChainsOptions): Promise<ReadChains> {
  const bare: Bare[] = []
  for (const { id, state } of await listBackups(storage, context)) {
    if ((state !== 'complete' && state !== 'incomplete') || ids?.includes(id) === false) continue
    const manifest = await readManifest(storage, id)
    const { postgres: part } = partsOf({ manifest })
    const { postgres: point } = manifest.recoveryPoint
    if (part === undefined || point === undefined) continue
    const window = {
      backup: id,
      label: manifest.label,
      point: manifest.recoveryPoint,
      part,
      components: componentNames.filter((name) => manifest.components[name] !== undefined),
      from: parseLsn(part.base.stopLsn),
      to: parseLsn(point.lsn),
    }
    bare.push({ window, segments: part.wal.segments })
  }
  const chains: Chain[] = []
  const findings: Finding[] = []
  const groups = [...Map.groupBy(bare, ({ window }) => `${window.part.server.systemIdentifier}/${window.part.base.timeline}`).values()]
  const smallest = at === undefined ? [] : groups.flatMap((group) => smallestAround(at, group))
  for (const group of smallest.length > 0 ? smallest : groups) {
    for (const run of contiguousRuns(group)) {
      try {
        const chain = await readChain(run, storage, context)
        const alone = only?.every((name) => name === 'postgres') ?? false
        chains.push(alone ? { ...chain, windows: chain.windows.map((window) => asFarAsWal(window, chain.log)) } : chain)
      } catch (error) {
        if (!(error instanceof DatapipeError) || error.code === 'interrupted' || error.code === 'storage-failed') throw error
        findings.push(unreadable(run, error))
      }
    }
  }
  return { chains, findings }
}

/** Nothing when no window holds it. */
function smallestAround(at: Lsn, group: Bare[]): [Bare][] {
  const holding = group.filter(({ window: { from, to } }) => from <= at && at <= to)
  const size = ({ window }: Bare) => window.to - window.from
  const [first, ...rest] = holding
  return first === undefined ? [] : [[rest.reduce((least, next) => (size(next) < size(least) ? next : least), first)]]
}

function unreadable({ windows }: Run, { message, path }: DatapipeError): Finding {
  return {
    severity: 'harm',
    code: 'wal-unreadable',
    component: 'postgres',
    item: windows.map(({ backup }) => backup).join(', '),
    message: `its WAL cannot be read, so that its commits are not known: ${message}${path === undefined ? '' : ` (${path})`}`,
    next: `datapipe verify ${windows[0]?.backup ?? 'BACKUP'}`,
  }
}

type Segment = PostgresPart['wal']['segments'][number]

interface Bare {
  window: BackupWindow
  segments: Segment[]
}

interface Run {
  windows: BackupWindow[]
  segments: Segment[]
}

/** Backups whose segments touch or overlap, with all of these in order. */
function contiguousRuns(group: Bare[]): Run[] {
  const runs: Run[] = []
  const byStart = [...group].sort((a, b) => ((a.segments[0]?.name ?? '') < (b.segments[0]?.name ?? '') ? -1 : 1))
  for (const { window, segments } of byStart) {
    const run = runs.at(-1)
    const last = run?.segments.at(-1)?.name
    const touches = last !== undefined && (segments[0]?.name ?? '') <= segmentAfter(last, BigInt(window.part.server.walSegmentSize))
    if (run === undefined || last === undefined || !touches) runs.push({ windows: [window], segments: [...segments] })
    else {
      run.windows.push(window)
      run.segments.push(...segments.filter(({ name }) => name > last))
    }
  }
  return runs
}

async function readChain({ windows, segments }: Run, storage: Storage, context: Context): Promise<Chain> {
  const [first] = windows
  if (first === undefined) throw new TypeError('a chain without a backup')
  const { server, base } = first.part
  const reachesLsn = windows.map(({ part }) => part.wal.reachesLsn).reduce((a, b) => (parseLsn(a) > parseLsn(b) ? a : b))
  const reader = createArtifactReader(
    storage,
    segments.map(({ artifact }) => artifact),
    context,
  )
  const log = await readTransactionLog({ segments, server, reachesLsn, reader, context })
  return {
    systemIdentifier: server.systemIdentifier,
    timeline: base.timeline,
    windows: windows.sort((a, b) => (a.backup < b.backup ? -1 : 1)),
    log,
    marks: log.restorePoints,
    restorePoints: log.restorePoints.filter(({ name }) => name !== ownRestorePoint),
  }
}

function asFarAsWal(window: BackupWindow, log: WalLog | KnownWal['log']): BackupWindow {
  const { before } = neighbours(log, parseLsn(window.part.wal.reachesLsn))
  return before === undefined || before.endLsn <= window.to ? window : { ...window, to: before.endLsn }
}

/** Throws `point-unreachable` when the repository holds no WAL that can be read. */
export function refuseNone({ chains, findings }: ReadChains): void {
  const [first] = findings
  if (chains.length > 0) return
  if (first !== undefined)
    throw new DatapipeError('point-unreachable', `${first.item}: ${first.message}`, { path: first.item, ...(first.next && { hint: first.next }) })
  throw new DatapipeError('point-unreachable', 'no backup holds PostgreSQL and its WAL: there are no points between backups', {
    hint: 'restore a backup as it is: `datapipe list`',
  })
}
