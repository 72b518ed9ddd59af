import { expect, test } from 'vitest'
import { notLifted, segmentsToBurn, xidsToBurn } from './lift.ts'

test('xids are burnt up to the highest that was sent, also over the end of the numbers', () => {
  expect(xidsToBurn(700n, 710n)).toBe(11n)
  expect(xidsToBurn(711n, 710n)).toBe(0n)
  expect(xidsToBurn(2n ** 32n - 1n, 5n)).toBe(7n)
  // pg_snapshot_xmax has the epoch, events do not.
  expect(xidsToBurn(3n * 2n ** 32n + 700n, 700n)).toBe(1n)
})

test('segments are switched until the next one begins behind the highest LSN', () => {
  expect(segmentsToBurn(0x100n, 0x80n, 0x1000n)).toBe(0n)
  expect(segmentsToBurn(0x100n, 0x100n, 0x1000n)).toBe(1n)
  expect(segmentsToBurn(0x100n, 0xfffn, 0x1000n)).toBe(1n)
  expect(segmentsToBurn(0x100n, 0x1000n, 0x1000n)).toBe(2n)
})

test('more than a lift burns is left, and said', () => {
  expect(notLifted('xids up to 12000000 were sent, which are 11999000 ahead')).toMatchObject({ severity: 'warning', code: 'not-lifted' })
})
