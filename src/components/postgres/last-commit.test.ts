import { expect, test } from 'vitest'
import { parseCommits } from './last-commit.ts'

test('reads commits, prepared ones under their own xid, and nothing else', () => {
  const output = `first record is after 0/2000000, at 0/2000028, skipping over 40 bytes
rmgr: Transaction len (rec/tot):     34/    34, tx:        730, lsn: 0/05000370, prev 0/05000330, desc: COMMIT 2026-11-24 04:16:50.462709 UTC
rmgr: Transaction len (rec/tot):     34/    34, tx:        731, lsn: 0/050003A0, prev 0/05000370, desc: ABORT 2026-11-24 04:16:51.000000 UTC
rmgr: Transaction len (rec/tot):    150/   150, tx:          0, lsn: 0/05000400, prev 0/050003A0, desc: COMMIT_PREPARED 732: 2026-11-24 04:16:52.5 UTC; inval msgs: catcache 7
`
  expect(parseCommits(output)).toEqual([
    { xid: 730n, lsn: 0x5000370n, timestampUs: 1795493810462709n },
    { xid: 732n, lsn: 0x5000400n, timestampUs: 1795493812500000n },
  ])
})
