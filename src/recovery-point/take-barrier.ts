import { setTimeout as sleep } from 'node:timers/promises'
import { type Context, inPhase } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import { formatLsn, type Lsn } from '../base/lsn.ts'
import type { CommittedTransaction } from './transaction-log.ts'

/**
 * Where a stopped connector stands: the end LSN of the last whole transaction in its topics, or why that cannot be said. `until` (`lsn` when
 * left out): every cut from `lsn` to there, both included, means the same to it, since nothing that it captures commits in between. `later`:
 * the transactions of its publication that commit behind `lsn`, up to `walEnd`.
 */
export type ConnectorPosition =
  | { clean: true; lsn: Lsn; until?: Lsn; xid?: string; time?: string; later?: CommittedTransaction[]; walEnd?: Lsn }
  | { clean: false; reason: string }

export interface BarrierSteps<Offsets, Groups, Ends> {
  /** The source connectors that must stand still. */
  connectors: string[]
  stop(connectors: string[]): Promise<void>
  resume(connectors: string[]): Promise<void>
  /** Stored offsets of all connectors, read while they stand still. */
  readOffsets(): Promise<Offsets>
  /** Resolves the stored offset of one stopped connector. */
  resolve(connector: string, offsets: Offsets): Promise<ConnectorPosition>
  /** Group positions, read before the end offsets so that none can lie beyond them. */
  readGroups(): Promise<Groups>
  freeze(): Promise<Ends>
  /** The cut must not lie before this (the end of the base backup): a connector that lags behind it goes on and is stopped again. */
  notBefore?: Lsn | undefined
  /** Milliseconds that the connectors go on for before another attempt (default 2000); doubled each time, at most 20 s. */
  pauseMs?: number
  /** Attempts before `barrier-not-reached`. */
  attempts?: number
}

export interface Barrier<Offsets, Groups, Ends> {
  lsn: Lsn
  xid?: string
  time?: string
  offsets: Offsets
  groups: Groups
  ends: Ends
  /** How long change capture stood still, seconds, and how many attempts it took. */
  pausedSeconds: number
  attempts: number
  takenAt: string
}

/**
 * Takes a recovery point by barrier: the connectors stop, the database does not. Every connector must stand between two
 * transactions, and one cut must mean what its topics hold to each; otherwise they go on and it is tried again. They are resumed whatever happens.
 * Throws `barrier-not-reached` with the reason of every attempt.
 */
export async function takeBarrier<Offsets, Groups, Ends>(
  steps: BarrierSteps<Offsets, Groups, Ends>,
  context: Context,
): Promise<Barrier<Offsets, Groups, Ends>> {
  const attempts = steps.attempts ?? 12
  const reasons: string[] = []
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const started = performance.now()
    const taken = await inPhase(context, attempt === 1 ? 'barrier' : `barrier, attempt ${attempt}`, () => attemptBarrier(steps, context))
    const pausedSeconds = (performance.now() - started) / 1000
    if ('lsn' in taken) return { ...taken, pausedSeconds, attempts: attempt }
    reasons.push(taken.reason)
    context.emit({ type: 'log', level: 'info', component: 'connect', message: `no clean cut at attempt ${attempt}: ${taken.reason}` })
    if (attempt < attempts) await pause(Math.min(20_000, (steps.pauseMs ?? 2000) * 2 ** (attempt - 1)), context)
  }
  throw new DatapipeError('barrier-not-reached', `no clean cut in ${attempts} attempts: ${[...new Set(reasons)].join('; ')}`)
}

async function attemptBarrier<Offsets, Groups, Ends>(steps: BarrierSteps<Offsets, Groups, Ends>, context: Context) {
  try {
    await steps.stop(steps.connectors)
    const offsets = await steps.readOffsets()
    const positions = await Promise.all(steps.connectors.map(async (name) => ({ name, position: await steps.resolve(name, offsets) })))
    const cut = commonCut(positions)
    if ('reason' in cut) return cut
    if (steps.notBefore !== undefined && cut.lsn < steps.notBefore) {
      return { reason: `the topics end at ${formatLsn(cut.lsn)}, the base backup at ${formatLsn(steps.notBefore)}: the connector lags behind` }
    }
    const groups = await steps.readGroups()
    const ends = await steps.freeze()
    return { ...cut, offsets, groups, ends, takenAt: context.now().toISOString() }
  } finally {
    await steps.resume(steps.connectors)
  }
}

async function pause(milliseconds: number, context: Context): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal: context.signal })
  } catch (cause) {
    throw new DatapipeError('interrupted', 'interrupted between two attempts at a recovery point', { cause })
  }
}

/**
 * The latest cut that all connectors have in common, with the last transaction before it that one of them captures, or the reason why there
 * is none. Pure.
 */
export function commonCut(
  positions: { name: string; position: ConnectorPosition }[],
): { lsn: Lsn; xid?: string; time?: string } | { reason: string } {
  const clean: Interval[] = []
  for (const { name, position } of positions) {
    if (!position.clean) return { reason: `${name}: ${position.reason}` }
    clean.push({ name, ...position, until: position.until ?? position.lsn })
  }
  const [first] = clean
  if (first === undefined) return { reason: 'no connector to stop' }
  const ahead = clean.reduce((one, other) => (other.lsn > one.lsn ? other : one), first)
  const behind = clean.reduce((one, other) => (other.until < one.until ? other : one), first)
  if (ahead.lsn > behind.until) {
    return {
      reason: `${ahead.name} stands at ${formatLsn(ahead.lsn)}, and ${behind.name} has not captured a commit at ${formatLsn(behind.until)}, before that`,
    }
  }
  const { xid, time } = ahead
  return { lsn: behind.until, ...(xid === undefined ? {} : { xid }), ...(time === undefined ? {} : { time }) }
}

interface Interval {
  name: string
  lsn: Lsn
  until: Lsn
  xid?: string
  time?: string
}
