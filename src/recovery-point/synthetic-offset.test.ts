import { expect, test } from 'vitest'
import { refuseOffsetAhead, syntheticOffset } from './synthetic-offset.ts'

const slot = { confirmedFlushLsn: 110n, flushLsn: 120n, cut: 100n, xid: 731n, timestampUs: 1_795_493_810_462_709n }

test('the offset after a restore has the slot position, xid and time, and nothing that makes Debezium search', () => {
  expect(syntheticOffset(slot)).toEqual({ lsn: 110n, txId: 731n, ts_usec: 1_795_493_810_462_709n })
})

test('a slot below the recovery point is refused: events would come twice', () => {
  expect(() => syntheticOffset({ ...slot, confirmedFlushLsn: 99n })).toThrow(expect.objectContaining({ code: 'slot-problem' }))
})

test('a position above the server is refused: commits would be dropped silently', () => {
  expect(() => syntheticOffset({ ...slot, confirmedFlushLsn: 121n })).toThrow(expect.objectContaining({ code: 'offset-ahead' }))
})

test.each(['lsn', 'lsn_proc', 'lsn_commit'])('a stored offset whose %s is above the server is refused', (key) => {
  expect(() => refuseOffsetAhead('shop', { lsn: 1n, [key]: 121n }, 120n)).toThrow(
    expect.objectContaining({ code: 'offset-ahead', path: 'connect/shop/offsets' }),
  )
  expect(() => refuseOffsetAhead('shop', { lsn: 1n, [key]: 120n }, 120n)).not.toThrow()
})
