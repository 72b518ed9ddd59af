import { formatLsn, type Lsn } from '../base/lsn.ts'
import type { TransactionLog } from './transaction-log.ts'

/** What a change event says of its transaction (Debezium's `source`); undefined where it does not say. */
export interface EventPosition {
  /** `source.txId`: the top-level transaction, 32 bits. */
  xid: bigint | undefined
  /** `source.lsn`: where the change stands; of an initial snapshot's row where the snapshot was taken. */
  lsn: Lsn | undefined
  /** `source.sequence[0]`: the end of the commit before the event's own transaction. */
  previousCommit: Lsn | undefined
  /** A row of an initial snapshot: no transaction of the log brought it. */
  initialSnapshot?: boolean
}

export interface Cut {
  log: TransactionLog
  /** End LSN of the last commit that belongs. */
  lsn: Lsn
}

/** `later`: its transaction commits behind the cut. `unknown` says why nobody can tell. */
export type Belonging = 'kept' | 'later' | { unknown: string }

/**
 * Does a change event belong to a cut? Iff its *transaction's commit* ends at or before it: a transaction that is open across the cut has
 * changes below it, and transactions commit in another order than they began. The log knows commits by xid; LSNs of changes, which adjacent
 * transactions share with commits, decide only where they leave no doubt. Every commit whose events are given must end before `log.to`, or
 * lie behind the cut by its event's own LSN. Pure.
 */
export function belongsToCut(event: EventPosition, { log, lsn: cut }: Cut): Belonging {
  const { xid, lsn, previousCommit } = event
  if (event.initialSnapshot) {
    if (lsn === undefined) return { unknown: 'a row of an initial snapshot without the LSN that it was taken at' }
    return lsn <= cut ? 'kept' : 'later'
  }
  if (xid === undefined) {
    // A logical message outside of transactions: its LSN is its end, and its own commit.
    if (lsn === undefined) return { unknown: 'it names neither a transaction nor an LSN' }
    return lsn <= cut ? 'kept' : 'later'
  }
  const commit = log.ofXid(xid & 0xffff_ffffn)
  if (commit !== undefined) return commit.endLsn <= cut ? 'kept' : 'later'
  // A change at or behind the cut, or one whose transaction commits after a commit that ends there, whatever its own commit is.
  if ((lsn !== undefined && lsn >= cut) || (previousCommit !== undefined && previousCommit >= cut)) return 'later'
  const known = [lsn, previousCommit].filter((position) => position !== undefined)
  const inside = known.find((position) => position >= log.from)
  if (inside === undefined) return 'kept'
  return {
    unknown: `its transaction ${xid} has an event or the commit before it at ${formatLsn(inside)}, and no commit between ${formatLsn(log.from)} and ${formatLsn(log.to)}`,
  }
}
