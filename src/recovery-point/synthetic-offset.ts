import { DatapipeError } from '../base/errors.ts'
import { formatLsn, type Lsn } from '../base/lsn.ts'
import type { StoredOffset } from './resolve-offset.ts'

export interface SlotPosition {
  /** `confirmed_flush_lsn` of the slot made on the restored server before anybody could write. */
  confirmedFlushLsn: Lsn
  /** pg_current_wal_flush_lsn() of the restored server. */
  flushLsn: Lsn
  /** The recovery point: end LSN of the last transaction that came back. */
  cut: Lsn
  /** Last transaction that came back: xid, and commit time in microseconds since 1970. */
  xid: bigint
  timestampUs: bigint
}

/**
 * The offset from which a connector goes on after a restore: no snapshot, no gap, no duplicate. Deliberately without `lsn_proc`, `lsn_commit`
 * and `messageType`: with them Debezium searches for its old place first. Measured on Debezium 3.6 (field notes: synthetic offset).
 * Throws `slot-problem` for a slot below the cut (it would send events again that the topics hold), `offset-ahead` for one above the server's WAL.
 */
export function syntheticOffset({ confirmedFlushLsn, flushLsn, cut, xid, timestampUs }: SlotPosition): {
  lsn: bigint
  txId: bigint
  ts_usec: bigint
} {
  if (confirmedFlushLsn < cut) {
    throw new DatapipeError('slot-problem', `the new slot stands at ${formatLsn(confirmedFlushLsn)}, below the recovery point ${formatLsn(cut)}`)
  }
  if (confirmedFlushLsn > flushLsn) {
    throw new DatapipeError('offset-ahead', `the new slot stands at ${formatLsn(confirmedFlushLsn)}, the server's WAL ends at ${formatLsn(flushLsn)}`)
  }
  return { lsn: confirmedFlushLsn, txId: xid, ts_usec: timestampUs }
}

/**
 * Refuses an offset above the server's WAL: PostgreSQL accepts it and silently drops every commit below it.
 * Throws `offset-ahead`.
 */
export function refuseOffsetAhead(connector: string, offset: StoredOffset, flushLsn: Lsn): void {
  for (const key of ['lsn', 'lsn_proc', 'lsn_commit'] as const) {
    const value = offset[key]
    if (value === undefined || value === null) continue
    const lsn = BigInt(value as bigint | number)
    if (lsn > flushLsn) {
      throw new DatapipeError(
        'offset-ahead',
        `${key} of connector ${connector} is ${formatLsn(lsn)}, the server's WAL ends at ${formatLsn(flushLsn)}`,
        {
          path: `connect/${connector}/offsets`,
        },
      )
    }
  }
}
