import type { Lsn } from '../base/lsn.ts'

/** A transaction that committed: top-level, or prepared and committed later. Subtransactions belong to the one they are part of. */
export interface CommittedTransaction {
  /** 32 bits, as WAL and the `source.txId` of Debezium carry it: no epoch. */
  xid: bigint
  /** Where its COMMIT record begins. */
  commitLsn: Lsn
  /** Where its COMMIT record ends, which is where the next one begins: Debezium's `lsn_commit`, and an exact cut. */
  endLsn: Lsn
  /** Commit time, microseconds since 1970. Not in the order of commits where a clock was set back, or by a few microseconds between sessions. */
  timestampUs: bigint
}

/** What a span of WAL says of commits. Outside of it nothing is known. */
export interface TransactionLog {
  /** A commit that begins at or after `from` and before `to` is among `transactions`. */
  from: Lsn
  to: Lsn
  /** In the order of their commits. */
  transactions: readonly CommittedTransaction[]
  ofXid(xid: bigint): CommittedTransaction | undefined
}

/** Over transactions that are in the order of their commits. Pure. */
export function transactionLog({ from, to, transactions }: Pick<TransactionLog, 'from' | 'to' | 'transactions'>): TransactionLog {
  const byXid = new Map(transactions.map((transaction) => [transaction.xid, transaction]))
  return { from, to, transactions, ofXid: (xid) => byXid.get(xid) }
}
