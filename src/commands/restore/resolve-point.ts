import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import { formatLsn, type Lsn } from '../../base/lsn.ts'
import {
  type Aim,
  aim,
  chooseWindow,
  countBetween,
  formatTime,
  nearest,
  neighbours,
  parseTarget,
  span,
  type Target,
  type Unreachable,
} from '../../recovery-point/aim.ts'
import type { CommittedTransaction, TransactionLog } from '../../recovery-point/transaction-log.ts'
import { listBackups } from '../../repository/list-backups.ts'
import { type Backup, openBackup, resolveBackup } from '../../repository/open-backup.ts'
import type { Storage } from '../../storage/storage.ts'
import { type BackupWindow, type Chain, readChains, refuseNone } from '../points/read-chains.ts'

/** An exact cut that is not the backup's own recovery point. */
export interface Cut {
  /** What was typed. */
  target: string
  /** End of the last commit that belongs: PostgreSQL is recovered to it exclusively. */
  lsn: Lsn
  /** That commit; undefined when none before it is in the stored WAL. */
  commit: CommittedTransaction | undefined
  log: TransactionLog
}

export interface ResolvePointOptions {
  storage: Storage
  /** The target must lie in the window of this one; undefined: any backup that reaches it, the smallest window first. */
  backup: string | undefined
  to: string
  only: readonly ComponentName[] | undefined
  context: Context
}

/**
 * Which backup a target is restored from, and where it is cut; without a cut it is the backup's own recovery point. Throws `usage` for what is no
 * target, or a name that several have; `point-unreachable` with the nearest moments that are reachable; `backup-not-found`; as `readChains`.
 */
export async function resolvePoint(options: ResolvePointOptions): Promise<{ backup: Backup; cut: Cut | undefined }> {
  const { storage, to, only, context } = options
  const target = parseTarget(to)
  if (target === undefined)
    throw new DatapipeError('usage', `--to ${to} is no name, time, LSN or xid`, {
      hint: 'for example --to 2026-11-25T09:00:00Z, --to 0/16B3748, --to xid:731, --to latest',
    })
  const id = options.backup === undefined ? undefined : await resolveBackup(storage, options.backup)
  if (target.kind === 'latest') return { backup: await openBackup(storage, id ?? 'latest', context), cut: undefined }
  const named = target.kind === 'name' ? await backupCalled(target.name, id, options) : undefined
  if (named !== undefined) return { backup: await openBackup(storage, named, context), cut: undefined }
  const at = target.kind === 'lsn' ? { at: target.lsn } : {}
  const read = await readChains({ storage, ...(id === undefined ? {} : { ids: [id] }), ...at, only, context })
  refuseNone(read)
  for (const { item, message } of read.findings)
    context.emit({ type: 'log', level: 'warning', component: 'postgres', message: `${item}: ${message}` })
  const { chains } = read
  const { chain, window, lsn } = target.kind === 'name' ? placeName(target.name, chains) : place(target, to, chains)
  const backup = await openBackup(storage, window.backup, context)
  // Nothing commits in between: the backup's own point, at the end offsets that belong to it.
  const own = countBetween(chain.log, lsn, window.to) === 0 && backup.manifest.recoveryPoint.postgres?.lsn === formatLsn(window.to)
  return { backup, cut: own ? undefined : { target: to, lsn, commit: neighbours(chain.log, lsn).before, log: chain.log } }
}

/** The backup that is meant as it is, by its id or label. */
async function backupCalled(name: string, id: string | undefined, { storage, context }: ResolvePointOptions): Promise<string | undefined> {
  const finished = (await listBackups(storage, context)).filter(({ state }) => state === 'complete' || state === 'incomplete')
  const fitting = finished.filter((entry) => (id === undefined || entry.id === id) && (entry.id.startsWith(name) || entry.label === name))
  if (fitting.length > 1) {
    const ids = fitting.map((entry) => entry.id)
    throw new DatapipeError('usage', `--to ${name} names ${ids.length} backups: ${ids.slice(0, 5).join(', ')}`, { hint: 'say the id of one' })
  }
  return fitting[0]?.id
}

interface Placed {
  chain: Chain
  window: BackupWindow
  lsn: Lsn
}

/** A time that several timelines know is on the newest. Throws `point-unreachable`, `usage` for an LSN or xid that several know. */
function place(target: Exclude<Target, { kind: 'latest' | 'name' }>, text: string, chains: readonly Chain[]): Placed {
  const tried = chains.map((chain) => ({ chain, found: aim(target, chain) }))
  const reached = tried.flatMap(({ chain, found }) => ('reason' in found ? [] : inWindow(chain, found.lsn)))
  const placed = reached.at(-1)
  if (placed !== undefined && (reached.length === 1 || target.kind === 'time')) return placed
  if (placed !== undefined)
    throw new DatapipeError('usage', `--to ${text} means another moment on each timeline that backups are of`, {
      hint: 'say which BACKUP, or a time',
    })
  const best =
    tried.findLast(({ found }) => !('reason' in found)) ??
    // A time before the first WAL, or between two stretches of it.
    tried.find(({ chain, found }) => found.lsn === chain.log.from) ??
    tried.at(-1)
  if (best === undefined) throw new TypeError('no chain')
  throw unreachable(text, best.found, ofServer(chains, best.chain))
}

/** Throws `point-unreachable`, `usage` for a name that several restore points have. */
function placeName(name: string, chains: readonly Chain[]): Placed {
  const marks = chains.flatMap((chain) => chain.restorePoints.flatMap((mark) => (mark.name === name ? [{ chain, lsn: mark.lsn }] : [])))
  const [first] = marks
  if (first === undefined) {
    const known = new Set(chains.flatMap(({ restorePoints, windows }) => [...windows, ...restorePoints].map(nameOf)))
    throw new DatapipeError('point-unreachable', `no backup and no restore point is called ${name}; there are ${[...known].slice(-8).join(', ')}`)
  }
  if (marks.length > 1) {
    const places = marks.map(({ lsn }) => formatLsn(lsn)).join(', ')
    throw new DatapipeError('usage', `--to ${name} names ${marks.length} restore points, at ${places}`, { hint: 'say the LSN of one' })
  }
  const { chain } = first
  const commit = neighbours(chain.log, first.lsn).before
  const lsn = commit?.endLsn ?? first.lsn
  const [placed] = inWindow(chain, lsn)
  if (placed === undefined) throw unreachable(name, { lsn, commit }, ofServer(chains, chain))
  return placed
}

function nameOf(named: BackupWindow | Chain['restorePoints'][number]): string {
  return 'name' in named ? named.name : (named.label ?? named.backup)
}

function inWindow(chain: Chain, lsn: Lsn): Placed[] {
  const chosen = chooseWindow(chain.windows, lsn, chain.log)
  return chosen === undefined ? [] : [{ chain, ...chosen }]
}

/** On the same timeline: only their LSNs can be compared. */
function ofServer(chains: readonly Chain[], { systemIdentifier, timeline }: Chain): Chain[] {
  return chains.filter((chain) => chain.systemIdentifier === systemIdentifier && chain.timeline === timeline)
}

/** Says the last moment before and the first one behind that a backup reaches. */
function unreachable(text: string, found: Aim | Unreachable, chains: readonly Chain[]): DatapipeError {
  const windows = chains.flatMap((chain) => chain.windows)
  const moment = (label: string, at: Lsn | undefined) => {
    if (at === undefined) return []
    const log = chains.find((chain) => chain.windows.some(({ from, to }) => at === from || at === to))?.log
    const before = log && neighbours(log, at).before
    return [`${label} ${formatLsn(at)}${before === undefined ? '' : ` (${formatTime(before.timestampUs)})`}`]
  }
  const { first, last } = span(windows)
  const near = found.lsn === undefined ? undefined : nearest(windows, found.lsn)
  const places =
    near === undefined
      ? [...moment('backups reach from', first), ...moment('to', last)]
      : [...moment('the nearest moment before it is', near.before), ...moment('the nearest behind it is', near.after)]
  return new DatapipeError('point-unreachable', `--to ${text} cannot be reached: ${[whyNot(found), ...places].join('; ')}`, { path: text })
}

function whyNot(found: Aim | Unreachable): string {
  if ('reason' in found) return found.reason
  const { lsn, commit } = found
  const what = commit === undefined ? formatLsn(lsn) : `${formatLsn(lsn)}, the end of transaction ${commit.xid} (${formatTime(commit.timestampUs)}),`
  return `${what} lies in no backup's window`
}
