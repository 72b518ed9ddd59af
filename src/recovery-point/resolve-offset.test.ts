import { expect, test } from 'vitest'
import { isInSnapshot, untilNextChange } from './resolve-offset.ts'

test.each([
  ['no stored offset', undefined, true],
  ['an offset of a running snapshot', { lsn: 5, snapshot: 'INITIAL', last_snapshot_record: false }, true],
  ['the last offset of a snapshot', { lsn: 5, snapshot: 'INITIAL', last_snapshot_record: true }, false],
  ['an offset of a streamed event', { lsn: 5, messageType: 'INSERT' }, false],
])('%s: in its snapshot %s', (_title, offset, expected) => {
  expect(isInSnapshot(offset)).toBe(expected)
})

const transaction = { xid: 7, commitTime: new Date(0), commitLsn: 150n, endLsn: 160n }

test('the cut may move on to where the next captured commit begins, or to the end of the WAL', () => {
  const at = { clean: true as const, lsn: 100n }
  const until = (lsn: bigint) => ({ clean: true, lsn: 100n, until: lsn })
  expect(untilNextChange(at, [{ ...transaction, changes: [140n] }], 200n)).toEqual(until(150n))
  expect(untilNextChange(at, [{ ...transaction, changes: [] }], 200n)).toEqual(until(200n))
  expect(untilNextChange(at, [], 90n)).toEqual(until(100n))
  // Its commit record begins before the end of the WAL as it was read: a recovery to there would replay it.
  expect(untilNextChange(at, [{ ...transaction, commitLsn: 199n, endLsn: 230n, changes: [190n] }], 200n)).toEqual(until(199n))
  // Back to back: its commit record begins where the one before ends.
  expect(untilNextChange(at, [{ ...transaction, commitLsn: 100n, endLsn: 120n, changes: [90n] }], 200n)).toEqual(until(100n))
  expect(untilNextChange(at, [{ ...transaction, commitLsn: 90n, endLsn: 110n, changes: [80n] }], 200n)).toMatchObject({ clean: false })
})
