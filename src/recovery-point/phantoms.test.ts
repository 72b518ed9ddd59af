import { expect, test } from 'vitest'
import { isPhantom, type SeenRecord, trackPhantoms } from './phantoms.ts'
import { transactionLog } from './transaction-log.ts'

/** WAL from 100 to 300; 7 committed before the cut at 200, 8 behind it. Whatever came after the WAL is in no log. */
const commit = (xid: bigint, endLsn: bigint) => ({ xid, commitLsn: endLsn - 5n, endLsn, timestampUs: 0n })
const transactions = [commit(7n, 150n), commit(8n, 250n)]
const cut = { log: transactionLog({ from: 100n, to: 300n, transactions }), lsn: 200n }
const event = (xid: bigint | undefined, lsn: bigint | undefined, previousCommit?: bigint) => ({ xid, lsn, previousCommit })

test('a transaction is a phantom iff its commit lies behind the cut, wherever its changes stand', () => {
  expect(isPhantom(event(7n, 140n), cut)).toBe(false)
  expect(isPhantom(event(8n, 140n), cut)).toBe(true)
  expect(isPhantom(event(99n, 400n), cut)).toBe(true)
  expect(isPhantom(event(3n, 50n, 40n), cut)).toBe(false)
})

test('one that began before the cut and committed behind the end of the WAL is a phantom: the cut of a backup could not tell', () => {
  expect(isPhantom(event(99n, 160n), cut)).toBe(true)
  expect(isPhantom(event(99n, 50n, 310n), cut)).toBe(true)
})

test('a row of a snapshot is placed by where it was taken; without any position nobody can tell', () => {
  expect(isPhantom({ ...event(undefined, 190n), initialSnapshot: true }, cut)).toBe(false)
  expect(isPhantom({ ...event(5n, 210n), initialSnapshot: true }, cut)).toBe(true)
  expect(isPhantom({ ...event(5n, undefined), initialSnapshot: true }, cut)).toBeUndefined()
})

const record = (offset: number, key: string, op: string | undefined, xid = 99n): SeenRecord => ({
  offset: BigInt(offset),
  key,
  value: op === undefined ? null : Buffer.from(`${op}${offset}`),
  event: op === undefined ? undefined : { ...event(xid, 400n + BigInt(offset)), op },
  compensates: false,
})

test('what phantoms did to a key is known from its first and its last one', () => {
  const tracker = trackPhantoms(cut, { keepRows: true })
  const seen = [record(10, 'a', 'c'), record(11, 'a', 'u', 100n), record(12, 'b', 'd'), record(13, 'b', undefined)]
  expect(seen.map((each) => tracker.see(each))).toEqual(['phantom', 'phantom', 'phantom', 'phantom'])
  expect(Object.fromEntries(tracker.touched)).toEqual({
    a: { firstOp: 'c', lastOp: 'u', lastXid: 100n, lastRow: Buffer.from('u11') },
    b: { firstOp: 'd', lastOp: 'd', lastXid: 99n, lastRow: undefined },
  })
  expect(tracker).toMatchObject({ events: 3, first: 10n, highestXid: 100n, highestLsn: 412n })
})

test('events that were delivered late are no phantoms, nor are their tombstones; a tombstone alone is nobody s', () => {
  const tracker = trackPhantoms(cut)
  const late: SeenRecord = { ...record(1, 'a', 'd'), event: { ...event(7n, 140n), op: 'd' } }
  expect([late, record(2, 'a', undefined), record(3, 'b', undefined)].map((each) => tracker.see(each))).toEqual(['kept', 'kept', 'unplaced'])
  expect(tracker).toMatchObject({ events: 0, first: undefined })
})

test('a key that came and went is touched no more', () => {
  const tracker = trackPhantoms(cut, { keepRows: true })
  tracker.see(record(1, 'a', 'c'))
  tracker.see(record(2, 'a', 'd'))
  expect(tracker.touched.size).toBe(0)
  tracker.see(record(3, 'a', 'c'))
  expect([...tracker.touched.values()]).toMatchObject([{ firstOp: 'c', lastOp: 'c' }])
})

test('what was undone once is not undone again', () => {
  const tracker = trackPhantoms(cut)
  tracker.see(record(1, 'a', 'c'))
  tracker.see(record(2, 'b', 'c'))
  expect(tracker.see({ ...record(3, 'a', 'd'), compensates: true })).toBe('kept')
  expect(tracker.see({ ...record(4, 'a', undefined), compensates: true })).toBe('kept')
  expect([...tracker.touched.keys()]).toEqual(['b'])
})
