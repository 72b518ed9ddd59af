import type { BatchHeader } from '../../clients/kafka/record-batch.ts'

/** Offsets (both inclusive) in which the transactional batches of one producer were aborted; the last one is the abort marker, when seen. */
export interface AbortedRange {
  producerId: bigint
  firstOffset: bigint
  lastOffset: bigint
}

export interface TransactionState {
  /** Transactions whose marker was not seen yet and that the broker does not list as aborted. */
  open: { producerId: bigint; firstOffset: bigint; records: bigint }[]
  /** Aborted transactions listed by the broker whose marker was not seen yet. */
  listed: { producerId: bigint; firstOffset: bigint }[]
  ranges: AbortedRange[]
  /** Records in aborted transactions so far. */
  abortedRecords: bigint
}

export interface TransactionTracker {
  /** Takes in the broker's list of aborted transactions: before the batches of the same answer. */
  list(aborted: { producerId: bigint; firstOffset: bigint }[]): void
  /** Takes in one batch, in offset order; `marker` for control batches. `aborted` is what is known now: later markers can change it. */
  see(header: BatchHeader, marker: 'commit' | 'abort' | undefined): 'data' | 'aborted' | 'control'
  state(): TransactionState
  /** The aborted ranges when reading ends before `end`: transactions still without marker are aborted only if the broker lists them. */
  finish(end: bigint): { ranges: AbortedRange[]; abortedRecords: bigint }
}

/**
 * Our own read-committed rule over raw batches: a transactional batch is aborted when its producer's next marker is an abort. Where the
 * broker lists the transaction, its first offset decides where the aborted part begins (compaction may have removed the commit marker of
 * an older transaction of the same producer); a marker beyond the last stable offset is known from that list alone. A producer may have
 * several aborted transactions in one answer, and markers may come in a later one: both are kept per producer, in order.
 */
export function trackTransactions(from?: TransactionState): TransactionTracker {
  const open = new Map(from?.open.map((item) => [item.producerId, { ...item }]))
  const listed = new Map<bigint, bigint[]>()
  const settledAt = new Map<bigint, bigint>()
  const ranges = [...(from?.ranges ?? [])]
  let abortedRecords = from?.abortedRecords ?? 0n

  const list = (aborted: { producerId: bigint; firstOffset: bigint }[]) => {
    for (const { producerId, firstOffset } of aborted) {
      if (firstOffset <= (settledAt.get(producerId) ?? -1n)) continue
      const firsts = listed.get(producerId) ?? []
      if (!firsts.includes(firstOffset))
        listed.set(
          producerId,
          [...firsts, firstOffset].sort((a, b) => (a < b ? -1 : 1)),
        )
    }
  }
  list(from?.listed ?? [])

  const settle = (producerId: bigint, marker: 'commit' | 'abort', at: bigint) => {
    const firsts = listed.get(producerId) ?? []
    const pending = open.get(producerId)
    const first = firsts.find((offset) => offset <= at)
    if (marker === 'abort') {
      const from = first ?? pending?.firstOffset
      if (from !== undefined) ranges.push({ producerId, firstOffset: from, lastOffset: at })
      if (first === undefined && pending !== undefined) abortedRecords += pending.records
    }
    open.delete(producerId)
    settledAt.set(producerId, at)
    const later = firsts.filter((offset) => offset > at)
    if (later.length > 0) listed.set(producerId, later)
    else listed.delete(producerId)
  }

  return {
    list,
    see(header, marker) {
      const { producerId, baseOffset } = header
      if (header.control) {
        if (marker !== undefined) settle(producerId, marker, baseOffset)
        return 'control'
      }
      if (!header.transactional) return 'data'
      const first = listed.get(producerId)?.[0]
      if (first !== undefined && first <= baseOffset) {
        abortedRecords += BigInt(header.recordCount)
        return 'aborted'
      }
      const pending = open.get(producerId)
      if (pending === undefined) open.set(producerId, { producerId, firstOffset: baseOffset, records: BigInt(header.recordCount) })
      else pending.records += BigInt(header.recordCount)
      return 'data'
    },
    state: () => ({
      open: [...open.values()].map((item) => ({ ...item })),
      listed: [...listed].flatMap(([producerId, firsts]) => firsts.map((firstOffset) => ({ producerId, firstOffset }))),
      ranges: [...ranges],
      abortedRecords,
    }),
    finish(end) {
      const unmarked = [...listed].flatMap(([producerId, firsts]) =>
        firsts.filter((first) => first < end).map((firstOffset) => ({ producerId, firstOffset, lastOffset: end - 1n })),
      )
      return { ranges: [...ranges, ...unmarked], abortedRecords }
    },
  }
}

/** Says of batches, in any order, whether they lie in an aborted range of their producer. Control batches are never "aborted". */
export function abortFilter(ranges: AbortedRange[]): (header: BatchHeader) => boolean {
  const byProducer = new Map<bigint, AbortedRange[]>()
  for (const range of ranges) byProducer.set(range.producerId, [...(byProducer.get(range.producerId) ?? []), range])
  return (header) => {
    if (!header.transactional || header.control) return false
    const own = byProducer.get(header.producerId)
    return own?.some((range) => range.firstOffset <= header.baseOffset && header.baseOffset <= range.lastOffset) ?? false
  }
}
