import { expect, test } from 'vitest'
import { aim, chooseWindow, countBetween, formatTime, nearest, neighbours, parseTarget, span } from './aim.ts'
import { transactionLog } from './transaction-log.ts'

/** Commits that end at 110, 210 … 910, one a second, the fifth with a clock that was set back. */
const commits = Array.from({ length: 9 }, (_, index) => {
  const at = BigInt(index + 1)
  return { xid: 700n + at, commitLsn: at * 100n, endLsn: at * 100n + 10n, timestampUs: (index === 4 ? 2n : at) * 1_000_000n }
})
const log = transactionLog({ from: 50n, to: 1000n, transactions: commits })
const wal = {
  log,
  marks: [
    { lsn: 60n, timestampUs: 700_000n },
    { lsn: 990n, timestampUs: 20_000_000n },
  ],
}
const windows = [
  { backup: 'a', from: 150n, to: 450n },
  { backup: 'b', from: 150n, to: 600n },
  { backup: 'c', from: 550n, to: 650n },
  { backup: 'd', from: 800n, to: 950n },
]

test('targets as they are typed', () => {
  expect(parseTarget('latest')).toEqual({ kind: 'latest' })
  expect(parseTarget('0/16B3748')).toEqual({ kind: 'lsn', lsn: 0x16b3748n })
  expect(parseTarget('731')).toEqual({ kind: 'xid', xid: 731n })
  expect(parseTarget('2026-11-25T09:00:00.123456Z')).toEqual({ kind: 'time', timestampUs: 1_795_597_200_123_456n })
  expect(parseTarget('2026-11-25 11:00:00+02')).toEqual({ kind: 'time', timestampUs: 1_795_597_200_000_000n })
  expect(parseTarget('before the upgrade')).toEqual({ kind: 'name', name: 'before the upgrade' })
  expect(parseTarget('20261125T090000Z-ab12')).toEqual({ kind: 'name', name: '20261125T090000Z-ab12' })
  expect(parseTarget('name:731')).toEqual({ kind: 'name', name: '731' })
  expect(['', 'lsn:731', 'xid:0/1', 'time:2026-11-25', 'time:2026-11-25T09:00:00'].map(parseTarget)).toEqual(Array(5).fill(undefined))
  // Without its zone it would mean another moment on every machine: it is no time, and no backup is called so.
  expect(parseTarget('2026-11-25T09:00:00')).toMatchObject({ kind: 'name' })
})

test('an LSN stands for the last commit that ends at or before it, an xid for that transaction', () => {
  expect(aim({ kind: 'lsn', lsn: 310n }, wal)).toMatchObject({ lsn: 310n, commit: { xid: 703n } })
  expect(aim({ kind: 'lsn', lsn: 309n }, wal)).toMatchObject({ lsn: 210n, commit: { xid: 702n } })
  expect(aim({ kind: 'lsn', lsn: 60n }, wal)).toEqual({ lsn: 60n, commit: undefined })
  expect(aim({ kind: 'lsn', lsn: 1001n }, wal)).toMatchObject({ reason: expect.stringContaining('outside'), lsn: 1001n })
  expect(aim({ kind: 'xid', xid: 704n }, wal)).toMatchObject({ lsn: 410n })
  expect(aim({ kind: 'xid', xid: (3n << 32n) + 704n }, wal)).toMatchObject({ lsn: 410n })
  expect(aim({ kind: 'xid', xid: 799n }, wal)).toMatchObject({ reason: expect.stringContaining('no transaction 799') })
})

test('a time stands for everything before the first commit that is later, also where the clock was set back', () => {
  const at = (seconds: number) => aim({ kind: 'time', timestampUs: BigInt(Math.round(seconds * 1e6)) }, wal)
  expect(at(3)).toMatchObject({ lsn: 310n })
  expect(at(2.999999)).toMatchObject({ lsn: 210n })
  expect(at(4.5)).toMatchObject({ commit: { xid: 705n } })
  expect(at(15)).toMatchObject({ lsn: 910n })
  expect(at(0.8)).toEqual({ lsn: 60n, commit: undefined })
  expect(at(0.5)).toMatchObject({ reason: expect.stringContaining('begins'), lsn: 50n })
  expect(at(21)).toMatchObject({ reason: expect.stringContaining('ends'), lsn: 1000n })
})

test('the smallest window that holds the cut is taken; the end of a base backup is reached when nothing commits before it', () => {
  expect(chooseWindow(windows, 410n, log)).toMatchObject({ window: { backup: 'a' }, lsn: 410n })
  expect(chooseWindow(windows, 510n, log)).toMatchObject({ window: { backup: 'c' }, lsn: 550n })
  expect(chooseWindow(windows, 610n, log)).toMatchObject({ window: { backup: 'c' } })
  expect(chooseWindow(windows, 710n, log)).toMatchObject({ window: { backup: 'd' }, lsn: 800n })
  expect(chooseWindow(windows, 700n, log)).toMatchObject({ window: { backup: 'c' }, lsn: 650n })
  expect(chooseWindow(windows, 50n, log)).toBeUndefined()
  expect(span(windows)).toEqual({ first: 150n, last: 950n })
  expect(nearest(windows, 700n)).toEqual({ before: 650n, after: 800n })
  expect([nearest(windows, 10n), nearest(windows, 2000n)]).toEqual([
    { before: undefined, after: 150n },
    { before: 950n, after: undefined },
  ])
})

test('commits are counted behind one place up to another', () => {
  expect([countBetween(log, 110n, 310n), countBetween(log, 109n, 309n), countBetween(log, 910n, 1000n)]).toEqual([2, 2, 0])
  expect(neighbours(log, 310n)).toMatchObject({ before: { xid: 703n }, after: { xid: 704n } })
  expect(neighbours(log, 100n).before).toBeUndefined()
  expect(formatTime(1_795_597_200_123_456n)).toBe('2026-11-25T09:00:00.123456Z')
})
