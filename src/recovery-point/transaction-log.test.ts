import { expect, test } from 'vitest'
import { commitColumns, transactionLog } from './transaction-log.ts'

const commit = (xid: bigint, at: bigint) => ({ xid, commitLsn: at, endLsn: at + 48n, timestampUs: 1_795_493_810_462_709n + at })

test('a long list gives back what was put in, in order, and finds every xid', () => {
  const list = commitColumns()
  const all = Array.from({ length: 5000 }, (_, index) => commit(BigInt((index * 7919) % 5003), 0x1_0000_0000n + BigInt(index) * 64n))
  for (const transaction of all) list.add(transaction)
  expect(list.length).toBe(5000)
  expect([...list]).toEqual(all)
  expect([list.at(0), list.at(-1), list.at(5000)]).toEqual([all[0], all.at(-1), undefined])
  const log = transactionLog({ from: 0n, to: 0x2_0000_0000n, transactions: list })
  for (const transaction of all) expect(log.ofXid(transaction.xid)).toEqual(transaction)
  expect(log.ofXid(5002n)).toEqual(all.find(({ xid }) => xid === 5002n))
  expect([log.ofXid(5003n), log.ofXid(-1n)]).toEqual([undefined, undefined])
})

test('an xid that came again is the later one; a log without commits knows none', () => {
  const list = [commit(9n, 100n), commit(3n, 200n), commit(9n, 300n)]
  expect(transactionLog({ from: 0n, to: 400n, transactions: list }).ofXid(9n)?.commitLsn).toBe(300n)
  expect(transactionLog({ from: 0n, to: 400n, transactions: [] }).ofXid(9n)).toBeUndefined()
})
