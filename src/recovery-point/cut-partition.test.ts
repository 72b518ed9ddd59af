import { expect, test } from 'vitest'
import { type CutRecord, cutPartition, type PartitionCut } from './cut-partition.ts'
import { belongsToCut, type EventPosition } from './cut-rule.ts'
import { type CommittedTransaction, transactionLog } from './transaction-log.ts'

/** A generator of numbers below `limit`: the same seed, the same numbers. */
function numbers(seed: number): (limit: number) => number {
  let state = (seed * 2654435761 + 1) >>> 0
  return (limit) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % limit
  }
}

interface Change {
  id: string
  key: number
  deletes: boolean
  position: EventPosition
}
interface Transaction extends CommittedTransaction {
  changes: Change[]
}

/**
 * WAL of several writers: records of some bytes each, one behind the other, so that a commit's end is the next record's start. Subtransactions
 * have xids of their own, which events do not carry. Transactions commit in any order; some stay open for long.
 */
function writeWal(random: (limit: number) => number): { transactions: Transaction[]; end: bigint } {
  let lsn = 0x100n
  let xid = 700n
  const record = () => {
    const start = lsn
    lsn += BigInt(8 * (1 + random(6)))
    return start
  }
  const open: { xid: bigint; changes: Change[]; patience: number }[] = []
  const transactions: Transaction[] = []
  let previousCommit: bigint | undefined
  const commit = (index: number) => {
    const [own] = open.splice(index, 1)
    if (own === undefined) return
    const commitLsn = record()
    for (const { position } of own.changes) position.previousCommit = previousCommit
    previousCommit = lsn
    transactions.push({ xid: own.xid, commitLsn, endLsn: lsn, timestampUs: lsn, changes: own.changes })
  }
  for (let step = 10 + random(120); step > 0; step--) {
    const what = random(10)
    if (open.length === 0 || what < 2) open.push({ xid: xid++, changes: [], patience: random(8) === 0 ? 60 : 1 + random(6) })
    else if (what < 3) xid++
    else if (what < 8) {
      const own = open[random(open.length)]
      const rows = random(12) === 0 ? 3 : 1
      const start = record()
      for (let row = 0; row < rows; row++) {
        const change = { id: `${own?.xid}/${start}/${row}`, key: random(20) * 3 + row, deletes: random(6) === 0 }
        own?.changes.push({ ...change, position: { xid: own.xid, lsn: start, previousCommit: undefined } })
      }
    } else {
      const index = open.findIndex((own) => --own.patience <= 0 && own.changes.length > 0)
      if (index >= 0) commit(index)
    }
  }
  while (random(4) > 0 && open.length > 0)
    if ((open[0]?.changes.length ?? 0) > 0) commit(0)
    else open.shift()
  return { transactions, end: lsn }
}

type Sent = { change: Change; tombstone: boolean }

/** What a connector sends into its partitions: transactions in commit order; after a restart it sends some of them again, from the beginning of one. */
function deliver(transactions: Transaction[], partitions: number, random: (limit: number) => number): Sent[][] {
  const sent: Sent[][] = Array.from({ length: partitions }, () => [])
  for (let index = 0, restarts = random(4); index < transactions.length; index++) {
    const { changes } = transactions[index] as Transaction
    const restart = restarts > 0 && random(6) === 0
    const upTo = restart ? random(changes.length + 1) : changes.length
    for (const change of changes.slice(0, upTo)) {
      const own = sent[change.key % partitions]
      own?.push({ change, tombstone: false })
      if (change.deletes) own?.push({ change, tombstone: true })
    }
    if (!restart) continue
    restarts--
    index = Math.max(-1, index - 1 - random(6))
  }
  return sent
}

function history(seed: number) {
  const random = numbers(seed)
  const { transactions, end } = writeWal(random)
  const partitions = deliver(transactions, 1 + random(3), random)
  const boundaries = [0x100n, ...transactions.flatMap(({ commitLsn, endLsn }) => [commitLsn, endLsn]), end]
  const from = boundaries[random(boundaries.length)] ?? 0n
  const later = boundaries.filter((lsn) => lsn >= from)
  const cut = later[random(later.length)] ?? from
  const log = transactionLog({ from, to: end + 8n, transactions: transactions.filter(({ commitLsn }) => commitLsn >= from) })
  const belongs = new Set(transactions.filter(({ endLsn }) => endLsn <= cut).flatMap(({ changes }) => changes.map(({ id }) => id)))
  return { partitions, cut: { log, lsn: cut }, belongs }
}

function cutOf(records: { record: CutRecord; identity: string }[]): PartitionCut {
  const partition = cutPartition()
  for (const [offset, { record }] of records.entries()) partition.see(BigInt(offset), record)
  for (const { identity } of records.slice(0, Number(partition.end ?? records.length))) partition.prove(identity)
  return partition
}

const asRecords = (sent: Sent[], judge: (position: EventPosition) => ReturnType<typeof belongsToCut>) =>
  sent.map(({ change, tombstone }) => ({
    identity: tombstone ? '' : change.id,
    record: tombstone ? ({ kind: 'follower' } as const) : ({ kind: 'event', belonging: judge(change.position), identity: () => change.id } as const),
  }))

test('whatever the history, a partition is cut where the commits that belong end, with nothing missing and nothing of a later one', () => {
  const seen = { cut: 0, redelivered: 0, beforeLog: 0, whereLsnsMislead: 0 }
  for (let seed = 1; seed <= 6000; seed++) {
    const { partitions, cut, belongs } = history(seed)
    for (const sent of partitions) {
      const judge = (position: EventPosition) => belongsToCut(position, cut)
      const partition = cutOf(asRecords(sent, judge))
      const message = `seed ${seed}`
      expect(partition.refusal(), message).toBeUndefined()
      const end = Number(partition.end ?? sent.length)
      const kept = sent.slice(0, end)
      expect(
        kept.filter(({ change }) => !belongs.has(change.id)),
        message,
      ).toEqual([])
      const wanted = new Set(sent.filter(({ change, tombstone }) => !tombstone && belongs.has(change.id)).map(({ change }) => change.id))
      expect(new Set(kept.map(({ change }) => change.id)), message).toEqual(wanted)
      // A delete is never parted from its tombstone.
      expect(sent[end]?.tombstone ?? false, message).toBe(false)

      if (end < sent.length) seen.cut++
      if (sent.slice(end).some(({ change }) => belongs.has(change.id))) seen.redelivered++
      if (kept.some(({ change }) => cut.log.ofXid(change.position.xid ?? 0n) === undefined)) seen.beforeLog++
      if (sent.some(({ change: { id, position } }) => (position.lsn ?? 0n) <= cut.lsn !== belongs.has(id))) seen.whereLsnsMislead++
    }
  }
  // The histories hold what the rule is for.
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(200)
})

test('an event that belongs and comes behind later ones for the first time is refused, not dropped', () => {
  let tried = 0
  for (let seed = 1; seed <= 2000; seed++) {
    const { partitions, cut, belongs } = history(seed)
    const sent = partitions[0] ?? []
    const first = sent.findIndex(({ change }) => !belongs.has(change.id))
    const moved = sent.find(({ change, tombstone }) => !tombstone && belongs.has(change.id))
    if (first < 0 || moved === undefined) continue
    const without = sent.filter(({ change }) => change.id !== moved.change.id)
    const partition = cutOf(asRecords([...without, moved], (position) => belongsToCut(position, cut)))
    expect(partition.refusal(), `seed ${seed}`).toMatchObject({
      offset: BigInt(without.length),
      reason: expect.stringContaining('lies behind offset'),
    })
    tried++
  }
  expect(tried).toBeGreaterThan(200)
})

const log = transactionLog({
  from: 100n,
  to: 1000n,
  transactions: [
    { xid: 7n, commitLsn: 200n, endLsn: 208n, timestampUs: 0n },
    { xid: 8n, commitLsn: 300n, endLsn: 308n, timestampUs: 0n },
  ],
})
const judged = (position: Partial<EventPosition>) =>
  belongsToCut({ xid: undefined, lsn: undefined, previousCommit: undefined, ...position }, { log, lsn: 208n })

test.each<[string, Partial<EventPosition>, ReturnType<typeof belongsToCut>]>([
  ['the last transaction', { xid: 7n, lsn: 150n }, 'kept'],
  ['one that began before it and commits later', { xid: 8n, lsn: 110n, previousCommit: 208n }, 'later'],
  ['its first change, where the last commit ends', { xid: 8n, lsn: 208n }, 'later'],
  ['an xid with an epoch', { xid: (3n << 32n) + 7n, lsn: 150n }, 'kept'],
  ['one that committed before the log', { xid: 3n, lsn: 50n, previousCommit: 40n }, 'kept'],
  ['one that committed before the log, the first of its connector', { xid: 3n, lsn: 50n }, 'kept'],
  ['one beyond the log, open since before it', { xid: 3n, lsn: 50n, previousCommit: 308n }, 'later'],
  ['one beyond the log', { xid: 9n, lsn: 2000n, previousCommit: 1500n }, 'later'],
  ['a message outside of transactions', { lsn: 208n }, 'kept'],
  ['a message outside of transactions, later', { lsn: 209n }, 'later'],
  ['a snapshot before the cut', { xid: 8n, lsn: 208n, initialSnapshot: true }, 'kept'],
  ['a snapshot behind it', { xid: 7n, lsn: 209n, initialSnapshot: true }, 'later'],
])('%s', (_name, position, verdict) => {
  expect(judged(position)).toBe(verdict)
})

test.each<[string, Partial<EventPosition>, RegExp]>([
  ['an xid that the log should know', { xid: 5n, lsn: 150n }, /transaction 5 .* at 0\/96, and no commit between 0\/64 and 0\/3E8/],
  ['no position at all', {}, /neither a transaction nor an LSN/],
  ['a snapshot without its LSN', { initialSnapshot: true }, /without the LSN/],
])('%s is refused', (_name, position, reason) => {
  expect(judged(position)).toEqual({ unknown: expect.stringMatching(reason) })
})

test('a tombstone that names no transaction is refused only where the cut may part it', () => {
  const event = (belonging: 'kept' | 'later'): CutRecord => ({ kind: 'event', belonging, identity: () => '' })
  const refusalOf = (records: CutRecord[]) => {
    const partition = cutPartition()
    for (const [offset, record] of records.entries()) partition.see(BigInt(offset), record)
    return partition.refusal()
  }
  const anonymous: CutRecord = { kind: 'anonymous' }
  expect(refusalOf([event('kept'), anonymous, event('kept'), event('later'), anonymous])).toBeUndefined()
  expect(refusalOf([event('kept'), anonymous, event('later')])).toMatchObject({ offset: 1n })
  expect(refusalOf([event('kept'), anonymous])).toMatchObject({ offset: 1n })
})

test('what no position places goes where the cut falls, and stays before what belongs', () => {
  const event = (belonging: 'kept' | 'later'): CutRecord => ({ kind: 'event', belonging, identity: () => '' })
  const endOf = (records: CutRecord[]) => {
    const partition = cutPartition()
    for (const [offset, record] of records.entries()) partition.see(BigInt(offset), record)
    expect(partition.refusal()).toBeUndefined()
    return partition.end
  }
  const row: CutRecord = { kind: 'unplaced' }
  expect(endOf([row, event('kept'), row, event('kept')])).toBeUndefined()
  expect(endOf([row, event('kept'), row, row, event('later'), row])).toBe(2n)
  expect(endOf([event('kept'), row, event('kept'), row])).toBe(3n)
  expect(endOf([event('kept'), row, { kind: 'anonymous' }])).toBe(1n)
})
