import { type Lsn, parseLsn } from '../base/lsn.ts'
import type { CommittedTransaction, TransactionLog } from './transaction-log.ts'

/** A moment somebody wants back. */
export type Target =
  | { kind: 'latest' }
  /** Commits that end at or before it belong. */
  | { kind: 'lsn'; lsn: Lsn }
  /** That transaction, and all that committed before it; with or without its epoch. */
  | { kind: 'xid'; xid: bigint }
  /** Everything before the first commit that is later. */
  | { kind: 'time'; timestampUs: bigint }
  /** A backup's id or label, or a PostgreSQL restore point. */
  | { kind: 'name'; name: string }

/**
 * Reads what was typed: `latest`, an LSN (`0/16B3748`), an xid (digits), a time with its zone (ISO 8601), anything else a name. `lsn:`, `xid:`,
 * `time:` and `name:` before it say which. Undefined for one of these with something else behind it, and for nothing at all.
 */
export function parseTarget(text: string): Target | undefined {
  const [, kind, rest = text] = /^(lsn|xid|time|name):(.*)$/s.exec(text) ?? []
  if (kind === undefined && text === 'latest') return { kind: 'latest' }
  const is = (form: string, pattern: RegExp) => (kind === undefined || kind === form) && pattern.test(rest)
  if (is('lsn', /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i)) return { kind: 'lsn', lsn: parseLsn(rest) }
  if (is('xid', /^\d{1,20}$/)) return { kind: 'xid', xid: BigInt(rest) }
  const timestampUs = is('time', /^\d{4}-/) ? readTime(rest) : undefined
  if (timestampUs !== undefined) return { kind: 'time', timestampUs }
  return (kind === undefined || kind === 'name') && rest !== '' ? { kind: 'name', name: rest } : undefined
}

/** Microseconds since 1970 of `2026-11-25T09:00:00.123456Z`; a date alone, or a time without its zone, is none. */
function readTime(text: string): bigint | undefined {
  const [, date, time, fraction = '', zone] =
    /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?\s?(Z|[+-]\d\d(?::?\d\d)?)$/i.exec(text) ?? []
  if (date === undefined || time === undefined || zone === undefined) return undefined
  const offset = /^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone
  const milliseconds = Date.parse(`${date}T${time}${offset}`)
  return Number.isNaN(milliseconds) ? undefined : BigInt(milliseconds) * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6))
}

/** What one backup can be restored to: every commit in between is a point. */
export interface Window {
  backup: string
  /** End of its base backup. */
  from: Lsn
  /** The last point that all of its components reach. */
  to: Lsn
}

/** An exact cut: commits that end at or before `lsn` belong. */
export interface Aim {
  lsn: Lsn
  /** The last of them; undefined when the WAL at hand begins behind it. */
  commit: CommittedTransaction | undefined
}

export interface Unreachable {
  reason: string
  /** Where it would lie, if that is known. */
  lsn?: Lsn
}

/** The log of one chain of WAL, and the time that its end was written at. */
export interface KnownWal {
  log: TransactionLog
  /** Where the WAL tells the server's clock beside its commits, in its order, microseconds since 1970: after the last one nothing is known. */
  marks: readonly { lsn: Lsn; timestampUs: bigint }[]
}

/** Where a target lies, as the end of the last commit that belongs. Whether a backup can be restored to it is for `chooseWindow` to say. Pure. */
export function aim(target: Exclude<Target, { kind: 'latest' | 'name' }>, wal: KnownWal): Aim | Unreachable {
  const { log } = wal
  const { from, to } = log
  if (target.kind === 'xid') {
    const commit = log.ofXid(BigInt.asUintN(32, target.xid))
    return commit === undefined ? { reason: `no transaction ${target.xid} commits in the stored WAL` } : { lsn: commit.endLsn, commit }
  }
  if (target.kind === 'time') return aimAtTime(target.timestampUs, wal)
  const { lsn } = target
  if (lsn < from || lsn > to) return { reason: 'it lies outside of the stored WAL', lsn }
  const { before } = neighbours(log, lsn)
  return { lsn: before?.endLsn ?? lsn, commit: before }
}

function aimAtTime(timestampUs: bigint, { log, marks }: KnownWal): Aim | Unreachable {
  const { transactions, from, to } = log
  let index = 0
  while (index < transactions.length && (transactions.at(index)?.timestampUs ?? 0n) <= timestampUs) index++
  const [last, next] = [transactions.at(Math.max(0, index - 1)), transactions.at(index)]
  const mark = marks.findLast((candidate) => candidate.timestampUs <= timestampUs && (next === undefined || candidate.lsn < next.commitLsn))
  if (next === undefined && !marks.some((candidate) => candidate.timestampUs >= timestampUs))
    return { reason: 'the stored WAL ends before it', lsn: to }
  if (index > 0 && last !== undefined) return { lsn: last.endLsn, commit: last }
  return mark === undefined ? { reason: 'the stored WAL begins behind it', lsn: from } : { lsn: mark.lsn, commit: undefined }
}

/**
 * Of the windows that hold the cut the smallest: the least to replay and to load. A cut before the end of a base backup, or behind the end of
 * a window, counts as that end when nothing commits in between. Pure.
 */
export function chooseWindow<W extends Window>(windows: readonly W[], lsn: Lsn, log: TransactionLog): { window: W; lsn: Lsn } | undefined {
  const fitting = windows.flatMap((window) => {
    const end = lsn < window.from ? window.from : lsn > window.to ? window.to : lsn
    return commitsBetween(log, lsn, end) || commitsBetween(log, end, lsn) ? [] : [{ window, lsn: end }]
  })
  const size = ({ window }: { window: W }) => window.to - window.from
  return fitting.sort((a, b) => (size(a) === size(b) ? (a.window.backup < b.window.backup ? 1 : -1) : size(a) < size(b) ? -1 : 1))[0]
}

/** The first and the last place that windows reach. */
export function span(windows: readonly Window[]): { first: Lsn | undefined; last: Lsn | undefined } {
  return {
    first: windows
      .map(({ from }) => from)
      .sort(descending)
      .at(-1),
    last: windows.map(({ to }) => to).sort(descending)[0],
  }
}

/** The last reachable place before `lsn` and the first behind it, when it lies in no window. */
export function nearest(windows: readonly Window[], lsn: Lsn): { before: Lsn | undefined; after: Lsn | undefined } {
  const before = windows.map(({ to }) => to).filter((to) => to < lsn)
  const after = windows.map(({ from }) => from).filter((from) => from > lsn)
  return { before: before.sort(descending)[0], after: after.sort(descending).at(-1) }
}

const descending = (a: Lsn, b: Lsn) => (a < b ? 1 : a > b ? -1 : 0)

/** Whether a transaction commits behind `after`, and at or before `upto`. */
export function commitsBetween(log: TransactionLog, after: Lsn, upto: Lsn): boolean {
  return countBetween(log, after, upto) > 0
}

/** How many transactions commit behind `after`, and at or before `upto`. */
export function countBetween(log: TransactionLog, after: Lsn, upto: Lsn): number {
  return Math.max(0, firstBehind(log, upto) - firstBehind(log, after))
}

/** The last commit that ends at or before `lsn`, and the first that ends behind it. */
export function neighbours(log: TransactionLog, lsn: Lsn): { before: CommittedTransaction | undefined; after: CommittedTransaction | undefined } {
  const index = firstBehind(log, lsn)
  return { before: index === 0 ? undefined : log.transactions.at(index - 1), after: log.transactions.at(index) }
}

/** The place of the first commit that ends behind `lsn`; the length when there is none. */
export function firstBehind({ transactions }: TransactionLog, lsn: Lsn): number {
  let [low, high] = [0, transactions.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((transactions.at(middle)?.endLsn ?? lsn) > lsn) high = middle
    else low = middle + 1
  }
  return low
}

/** ISO 8601 with microseconds, UTC. */
export function formatTime(timestampUs: bigint): string {
  return `${new Date(Number(timestampUs / 1000n)).toISOString().slice(0, -1)}${String(timestampUs % 1000n).padStart(3, '0')}Z`
}
