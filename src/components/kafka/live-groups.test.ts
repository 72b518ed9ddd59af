import { expect, test } from 'vitest'
import { placeInLog } from './live-groups.ts'

test.each([4n, 0n, 10n])('a position within its log stays: %s', (wanted) => {
  expect(placeInLog('billing/orders/0', { wanted, first: 0n, end: 10n })).toEqual({ offset: wanted })
})

test('outside of its log it is set to the nearest place, which is told: auto.offset.reset would decide otherwise', () => {
  expect(placeInLog('billing/orders/0', { wanted: 2n, first: 5n, end: 10n })).toMatchObject({
    offset: 5n,
    finding: { severity: 'harm', code: 'position-before-log', message: expect.stringContaining('the 3 offsets in between are gone') as string },
  })
  expect(placeInLog('billing/orders/0', { wanted: 12n, first: 5n, end: 10n })).toMatchObject({
    offset: 10n,
    finding: { severity: 'harm', code: 'position-behind-log', item: 'billing/orders/0' },
  })
})
