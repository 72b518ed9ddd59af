import { setTimeout as sleep } from 'node:timers/promises'
import { type Context, inPhase } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import { formatLsn, type Lsn } from '../base/lsn.ts'
import type { ConnectorPosition } from './take-barrier.ts'
import { type CommittedTransaction, type TransactionLog, transactionLog } from './transaction-log.ts'

export interface RunningSteps<Offsets, Groups, Ends> extends AsyncDisposable {
  /** The source connectors that capture the database; none of them is stopped. */
  connectors: string[]
  /** Stored offsets of all connectors. What they say is whole is in the topics from then on. */
  readOffsets(): Promise<Offsets>
  /** Group positions, read before the end offsets so that none can lie beyond them. */
  readGroups(): Promise<Groups>
  /** Ends of the topics: after the offsets, so that everything up to them is there. */
  freeze(): Promise<Ends>
  /** What a connector's offset proves to be whole, and what it captures behind that; asked after the freeze. */
  resolve(connector: string, offsets: Offsets): Promise<ConnectorPosition>
}

export interface RunningPoint<Offsets, Groups, Ends> {
  /** Everything that a connector captures and that commits up to here is in the topics. Later events are, too. */
  lsn: Lsn
  /** Every event in the topics is of a transaction that commits before this. */
  walEnd: Lsn
  offsets: Offsets
  groups: Groups
  ends: Ends
  attempts: number
  takenAt: string
}

export interface RunningOptions {
  /** The cut must not lie before this (the end of the base backup): until the connectors have stored offsets behind it they are asked again. */
  notBefore?: Lsn | undefined
  /** Milliseconds between two looks (2000), and until `barrier-not-reached` (10 minutes: workers store offsets once a minute by default). */
  everyMs?: number
  timeoutMs?: number
}

/**
 * Takes a recovery point while everything goes on: nothing is stopped, so the topics are ahead of it and are cut by transaction. Its LSN is
 * the least of what the connectors' stored offsets prove. Throws `barrier-not-reached` when no offset lies behind the base backup in time.
 */
export async function takeRunning<Offsets, Groups, Ends>(
  open: () => Promise<RunningSteps<Offsets, Groups, Ends>>,
  options: RunningOptions,
  context: Context,
): Promise<RunningPoint<Offsets, Groups, Ends>> {
  return inPhase(context, 'recovery point', async () => {
    const deadline = performance.now() + (options.timeoutMs ?? 600_000)
    for (let attempts = 1; ; attempts++) {
      const taken = await attempt(open, options.notBefore)
      if ('lsn' in taken) return { ...taken, attempts, takenAt: context.now().toISOString() }
      if (performance.now() > deadline) throw new DatapipeError('barrier-not-reached', `no recovery point in ${attempts} attempts: ${taken.reason}`)
      context.emit({ type: 'log', level: 'info', component: 'connect', message: `no recovery point at attempt ${attempts}: ${taken.reason}` })
      await pause(options.everyMs ?? 2000, context)
    }
  })
}

async function attempt<Offsets, Groups, Ends>(open: () => Promise<RunningSteps<Offsets, Groups, Ends>>, notBefore: Lsn | undefined) {
  await using steps = await open()
  const offsets = await steps.readOffsets()
  const groups = await steps.readGroups()
  const ends = await steps.freeze()
  const positions = new Map<string, ConnectorPosition>()
  for (const name of steps.connectors) positions.set(name, await steps.resolve(name, offsets))
  const point = wholeUpTo(positions)
  if ('reason' in point) return point
  if (notBefore !== undefined && point.lsn < notBefore) {
    return { reason: `the stored offsets prove the topics up to ${formatLsn(point.lsn)}, the base backup ends at ${formatLsn(notBefore)}` }
  }
  return { ...point, offsets, groups, ends }
}

/**
 * The latest cut up to which no connector's topics lack anything, and where the WAL ended for all of them; or why there is none. Connectors
 * that are further have later events, which the cut removes. Pure.
 */
export function wholeUpTo(positions: ReadonlyMap<string, ConnectorPosition>): { lsn: Lsn; walEnd: Lsn } | { reason: string } {
  let lsn: Lsn | undefined
  let walEnd: Lsn | undefined
  for (const [name, position] of positions) {
    if (!position.clean) return { reason: `${name}: ${position.reason}` }
    const until = position.until ?? position.lsn
    lsn = lsn === undefined || until < lsn ? until : lsn
    walEnd = position.walEnd === undefined || (walEnd !== undefined && walEnd < position.walEnd) ? walEnd : position.walEnd
  }
  return lsn === undefined || walEnd === undefined ? { reason: 'no connector captures the database' } : { lsn, walEnd }
}

/**
 * The transactions behind a cut that stopped connectors may have begun to send; undefined where one stands behind the cut itself, since its
 * slot does not show what lies before that. Pure.
 */
export function behindCut(positions: ReadonlyMap<string, ConnectorPosition>, cut: Lsn): TransactionLog | undefined {
  const byXid = new Map<bigint, CommittedTransaction>()
  let to: Lsn | undefined
  for (const position of positions.values()) {
    if (!position.clean || position.lsn > cut || position.walEnd === undefined) return undefined
    to = to === undefined || position.walEnd < to ? position.walEnd : to
    for (const transaction of position.later ?? []) if (transaction.endLsn > cut) byXid.set(transaction.xid, transaction)
  }
  const transactions = [...byXid.values()].sort((a, b) => (a.endLsn < b.endLsn ? -1 : 1))
  return to === undefined ? undefined : transactionLog({ from: cut, to, transactions })
}

async function pause(milliseconds: number, context: Context): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal: context.signal })
  } catch (cause) {
    throw new DatapipeError('interrupted', 'interrupted while waiting for a recovery point', { cause })
  }
}
