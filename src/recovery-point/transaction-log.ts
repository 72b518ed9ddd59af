import type { Lsn } from '../base/lsn.ts'

/** A transaction that committed: top-level, or prepared and committed later. Subtransactions belong to the one they are part of. */
export interface CommittedTransaction {
  /** 32 bits, as WAL and the `source.txId` of Debezium carry it: no epoch. */
  xid: bigint
  /** Where its COMMIT record begins. */
  commitLsn: Lsn
  /** Where its COMMIT record ends: Debezium's `lsn_commit`, and an exact cut. No later COMMIT begins before it. */
  endLsn: Lsn
  /** Commit time, microseconds since 1970. Sessions take it a moment before they write the record: not quite in the order of commits. */
  timestampUs: bigint
}

/** Like an array, but a long one costs 32 bytes a transaction. */
export interface CommitList extends Iterable<CommittedTransaction> {
  readonly length: number
  at(index: number): CommittedTransaction | undefined
}

/** What a span of WAL says of commits. Outside of it nothing is known. */
export interface TransactionLog {
  /** Every COMMIT that begins at or after `from` and before `to` is in `transactions`. */
  from: Lsn
  to: Lsn
  /** In the order of their commits. */
  transactions: CommitList
  /** The latest of this xid: numbers come again after four billion. */
  ofXid(xid: bigint): CommittedTransaction | undefined
}

/** Over transactions that are in the order of their commits. Pure. */
export function transactionLog({ from, to, transactions }: { from: Lsn; to: Lsn; transactions: CommitList }): TransactionLog {
  let byXid: Uint32Array | undefined
  const xidAt = (index: number) => transactions.at(index)?.xid ?? -1n
  return {
    from,
    to,
    transactions,
    ofXid(xid) {
      byXid ??= sortedByXid(transactions)
      // Past the last place whose xid is not greater.
      let [low, high] = [0, byXid.length]
      while (low < high) {
        const middle = (low + high) >>> 1
        if (xidAt(byXid[middle] ?? 0) <= xid) low = middle + 1
        else high = middle
      }
      const found = low === 0 ? undefined : transactions.at(byXid[low - 1] ?? 0)
      return found?.xid === xid ? found : undefined
    },
  }
}

/** Places of the list, by xid; of one xid in the order of commits. */
function sortedByXid(transactions: CommitList): Uint32Array {
  const xids = Uint32Array.from(transactions, ({ xid }) => Number(xid))
  return Uint32Array.from(xids.keys()).sort((a, b) => (xids[a] ?? 0) - (xids[b] ?? 0) || a - b)
}

/** A list to append to, in columns. */
export function commitColumns(): CommitList & { add(transaction: CommittedTransaction): void } {
  let xids = new Uint32Array(1024)
  let positions = new BigInt64Array(3 * 1024)
  let length = 0
  const at = (index: number): CommittedTransaction | undefined => {
    if (index < 0 || index >= length) return index < 0 && -index <= length ? at(length + index) : undefined
    const [commitLsn, endLsn, timestampUs] = positions.subarray(index * 3, index * 3 + 3) as unknown as [bigint, bigint, bigint]
    return { xid: BigInt(xids[index] ?? 0), commitLsn, endLsn, timestampUs }
  }
  return {
    get length() {
      return length
    },
    at,
    add({ xid, commitLsn, endLsn, timestampUs }) {
      if (length === xids.length) {
        xids = grown(xids, new Uint32Array(length * 2))
        positions = grown(positions, new BigInt64Array(length * 6))
      }
      xids[length] = Number(xid & 0xffffffffn)
      positions.set([commitLsn, endLsn, timestampUs], length * 3)
      length++
    },
    *[Symbol.iterator]() {
      for (let index = 0; index < length; index++) yield at(index) as CommittedTransaction
    },
  }
}

function grown<T extends Uint32Array | BigInt64Array>(old: T, larger: T): T {
  larger.set(old as never)
  return larger
}
