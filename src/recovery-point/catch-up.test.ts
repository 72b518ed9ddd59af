import { expect, test } from 'vitest'
import { chooseCatchUp } from './catch-up.ts'

const at = (confirmed: bigint | undefined, lost = false) => ({ confirmed, lost })

test('the own slot is used where it has not moved past the end of the topics, and has its WAL', () => {
  expect(chooseCatchUp(100n, at(99n), at(50n))).toEqual({ way: 'slot', from: 100n })
  expect(chooseCatchUp(100n, at(100n), undefined)).toEqual({ way: 'slot', from: 100n })
})

test('else the guard slot, under the same conditions', () => {
  expect(chooseCatchUp(100n, at(101n), at(100n))).toEqual({ way: 'guard', from: 100n })
  expect(chooseCatchUp(100n, at(99n, true), at(99n))).toEqual({ way: 'guard', from: 100n })
  expect(chooseCatchUp(100n, undefined, at(1n))).toEqual({ way: 'guard', from: 100n })
})

test('else the changes in between are missing', () => {
  expect(chooseCatchUp(100n, at(101n), at(101n))).toEqual({ way: 'missing', from: 100n, slot: 101n })
  expect(chooseCatchUp(100n, at(101n), at(50n, true))).toEqual({ way: 'missing', from: 100n, slot: 101n })
  expect(chooseCatchUp(100n, undefined, at(undefined))).toEqual({ way: 'missing', from: 100n, slot: undefined })
})
