import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { answers, DatapipeError } from '../base/errors.ts'
import type { Finding } from '../base/finding.ts'
import { formatLsn, type Lsn } from '../base/lsn.ts'
import { aim, countBetween, firstBehind, formatTime, neighbours, parseTarget } from '../recovery-point/aim.ts'
import { resolveBackup } from '../repository/open-backup.ts'
import { openStorage } from '../storage/open-storage.ts'
import { type BackupWindow, type Chain, readChains } from './points/read-chains.ts'

export interface PointsOptions {
  config: DatapipeConfig
  /** An id, the beginning of one, or `latest`; every backup when left out. */
  backup?: string
  /** LSN, xid or time: only what lies at or behind the one, and at or before the other. */
  from?: string
  to?: string
  /** How many commits are listed, the last ones; none when left out. */
  commits?: number
}

/** A place between two commits, and the last commit before it. LSN as PostgreSQL prints it, time in ISO 8601 with microseconds. */
export interface Place {
  lsn: string
  xid?: string
  time?: string
}

/** A span in which every commit is a point. */
export interface ReachableWindow {
  systemIdentifier: string
  timeline: number
  from: Place
  to: Place
  /** The first commit behind `from`; absent where there is none up to `to`. */
  first?: Place
  /** Commits behind `from`, up to `to`. */
  commits: number
  backups: string[]
}

export interface NamedPoint extends Place {
  name: string
  kind: 'backup' | 'restore-point'
  /** A backup that it can be restored from; undefined when none reaches it. */
  backup: string | undefined
  /** What each component is brought to. */
  brings: { postgres: string; kafka: string; registry: string; connect: string }
}

export interface PointsResult {
  /** 0, or 21 when the WAL of a backup could not be read. */
  exitCode: number
  url: string
  windows: ReachableWindow[]
  /** Between windows of one server: commits there are lost to a restore. */
  gaps: { after: Place; before: Place }[]
  points: NamedPoint[]
  /** Commits in the windows, oldest first, the last `commits` of them. */
  commits: Place[]
  /** Backups whose WAL could not be read. */
  findings: Finding[]
}

/** Which moments can be restored. Reads the WAL of the backups, and no server. Throws `usage`, `backup-not-found`. */
export async function points(options: PointsOptions, context: Context): Promise<PointsResult> {
  const storage = openStorage(options.config.repository.url)
  const ids = options.backup === undefined ? {} : { ids: [await resolveBackup(storage, options.backup)] }
  const { chains, findings } = await inPhase(context, 'read WAL', () => readChains({ storage, ...ids, context }))
  const bounded = chains.map((chain) => ({ chain, bounds: boundsOf(chain, options) }))
  const windows = bounded.flatMap(({ chain, bounds }) => unite(chain, bounds))
  return {
    exitCode: findings.length > 0 ? answers.unknown : answers.ok,
    url: storage.url,
    windows: windows.map(({ shown }) => shown),
    gaps: gapsOf(windows),
    points: bounded.flatMap(({ chain, bounds }) =>
      namedPoints(chain)
        .filter(({ lsn }) => lsn >= bounds.from && lsn <= bounds.to)
        .map(({ shown }) => shown),
    ),
    commits: options.commits === undefined ? [] : lastCommits(windows, options.commits),
    findings,
  }
}

interface Bounds {
  from: Lsn
  to: Lsn
}

function boundsOf(chain: Chain, { from, to }: PointsOptions): Bounds {
  return { from: from === undefined ? 0n : boundOf(chain, from, 'from'), to: to === undefined ? chain.log.to : boundOf(chain, to, 'to') }
}

/** A bound may lie outside of what is there. Throws `usage`. */
function boundOf(chain: Chain, text: string, option: 'from' | 'to'): Lsn {
  const target = parseTarget(text)
  if (target === undefined || target.kind === 'name' || target.kind === 'latest')
    throw new DatapipeError('usage', `--${option} ${text} is no LSN, xid or time with its zone`, {
      hint: 'for example 2026-11-25T09:00:00Z or 0/16B3748',
    })
  const found = aim(target, chain)
  return found.lsn ?? (option === 'from' ? chain.log.to : 0n)
}

interface United {
  chain: Chain
  from: Lsn
  to: Lsn
  shown: ReachableWindow
}

/** Windows of backups that overlap, or that no commit lies between, are one. */
function unite(chain: Chain, bounds: Bounds): United[] {
  const spans: { from: Lsn; to: Lsn; backups: string[] }[] = []
  const cut = chain.windows
    .map(({ backup, from, to }) => ({ backup, from: later(from, bounds.from), to: earlier(to, bounds.to) }))
    .filter(({ from, to }) => from <= to)
    .sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))
  for (const { backup, from, to } of cut) {
    const last = spans.at(-1)
    if (last === undefined || (from > last.to && countBetween(chain.log, last.to, from) > 0)) spans.push({ from, to, backups: [backup] })
    else {
      last.backups.push(backup)
      if (to > last.to) last.to = to
    }
  }
  const { systemIdentifier, timeline } = chain
  return spans.map(({ from, to, backups }) => {
    const commits = countBetween(chain.log, from, to)
    const first = commits === 0 ? {} : { first: commitPlace(chain, firstBehind(chain.log, from)) }
    return {
      chain,
      from,
      to,
      shown: { systemIdentifier, timeline, from: placeOf(chain, from), to: placeOf(chain, to), ...first, commits, backups: backups.sort() },
    }
  })
}

function later(a: Lsn, b: Lsn): Lsn {
  return [a, b].reduce((x, y) => (y > x ? y : x))
}

function earlier(a: Lsn, b: Lsn): Lsn {
  return [a, b].reduce((x, y) => (y < x ? y : x))
}

function gapsOf(windows: United[]): PointsResult['gaps'] {
  return windows.flatMap(({ shown }, index) => {
    const next = windows[index + 1]?.shown
    return next === undefined || next.systemIdentifier !== shown.systemIdentifier || next.timeline !== shown.timeline
      ? []
      : [{ after: shown.to, before: next.from }]
  })
}

function commitPlace({ log }: Chain, index: number): Place {
  const commit = log.transactions.at(index)
  if (commit === undefined) throw new RangeError(`no commit ${index}`)
  return { lsn: formatLsn(commit.endLsn), xid: String(commit.xid), time: formatTime(commit.timestampUs) }
}

function placeOf(chain: Chain, lsn: Lsn): Place {
  const { before } = neighbours(chain.log, lsn)
  return {
    lsn: formatLsn(lsn),
    ...(before === undefined ? {} : { xid: String(before.xid), time: formatTime(before.timestampUs) }),
  }
}

/** Backups, and restore points of PostgreSQL, in the order of the WAL. */
function namedPoints(chain: Chain): { lsn: Lsn; shown: NamedPoint }[] {
  const backups = chain.windows.map((window) => ({
    lsn: window.to,
    shown: {
      ...placeOf(chain, window.to),
      name: window.label ?? window.backup,
      kind: 'backup' as const,
      backup: window.backup,
      brings: brings(window, window.to, chain),
    },
  }))
  const marks = chain.restorePoints.map(({ name, lsn: mark }) => {
    const lsn = neighbours(chain.log, mark).before?.endLsn ?? mark
    const window = smallest(chain.windows.filter(({ from, to }) => mark >= from && lsn <= to))
    return {
      lsn,
      shown: { ...placeOf(chain, lsn), name, kind: 'restore-point' as const, backup: window?.backup, brings: brings(window, lsn, chain) },
    }
  })
  return [...backups, ...marks].sort((a, b) => (a.lsn < b.lsn ? -1 : a.lsn > b.lsn ? 1 : 0))
}

function smallest(windows: BackupWindow[]): BackupWindow | undefined {
  return windows.reduce<BackupWindow | undefined>(
    (least, window) => (least === undefined || window.to - window.from < least.to - least.from ? window : least),
    undefined,
  )
}

function brings(window: BackupWindow | undefined, lsn: Lsn, chain: Chain): NamedPoint['brings'] {
  if (window === undefined) return { postgres: 'not reached', kafka: 'not reached', registry: 'not reached', connect: 'not reached' }
  const has = (component: BackupWindow['components'][number], text: string) => (window.components.includes(component) ? text : 'not in the backup')
  const isItsPoint = countBetween(chain.log, lsn, window.to) === 0
  return {
    postgres: formatLsn(lsn),
    kafka: has('kafka', isItsPoint ? 'end offsets of the backup' : 'change events cut by transaction, other topics by time'),
    registry: has('registry', `as in ${window.backup}`),
    connect: has('connect', `as in ${window.backup}, offsets from the new slot`),
  }
}

function lastCommits(windows: United[], most: number): Place[] {
  const found: Place[] = []
  for (const { chain, from, to } of [...windows].reverse()) {
    const first = firstBehind(chain.log, from)
    for (let index = firstBehind(chain.log, to) - 1; index >= first && found.length < most; index--) {
      found.push(commitPlace(chain, index))
    }
  }
  return found.reverse()
}
