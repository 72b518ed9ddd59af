import { expect, test } from 'vitest'
import { isInSnapshot, quietEnd } from './resolve-offset.ts'

test.each([
  ['no stored offset', undefined, true],
  ['an offset of a running snapshot', { lsn: 5, snapshot: 'INITIAL', last_snapshot_record: false }, true],
  ['the last offset of a snapshot', { lsn: 5, snapshot: 'INITIAL', last_snapshot_record: true }, false],
  ['an offset of a streamed event', { lsn: 5, messageType: 'INSERT' }, false],
])('%s: in its snapshot %s', (_title, offset, expected) => {
  expect(isInSnapshot(offset)).toBe(expected)
})

const transaction = { xid: 7, commitTime: new Date(0), commitLsn: 150n, endLsn: 160n }

test('the cut stays where it is when something captured commits before the end of the WAL, and moves there otherwise', () => {
  const at = { clean: true as const, lsn: 100n }
  expect(quietEnd(at, [{ ...transaction, changes: [140n] }], 200n)).toEqual(at)
  expect(quietEnd(at, [{ ...transaction, changes: [] }], 200n)).toEqual({ clean: true, lsn: 200n })
  expect(quietEnd(at, [{ ...transaction, commitLsn: 210n, endLsn: 220n, changes: [205n] }], 200n)).toEqual({ clean: true, lsn: 200n })
  // Its commit record begins before the end of the WAL as it was read: a recovery to there would replay it.
  expect(quietEnd(at, [{ ...transaction, commitLsn: 199n, endLsn: 230n, changes: [190n] }], 200n)).toEqual(at)
})
