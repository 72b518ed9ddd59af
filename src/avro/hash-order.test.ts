import { expect, test } from 'vitest'
import { hashOrder, stringHash, utf8Hash } from './hash-order.ts'

const hashed = (keys: string[]) => keys.map((key) => utf8Hash(Buffer.from(key, 'utf8'), 0, Buffer.byteLength(key)))

test('keys come in the order of their buckets, the table as large as it was asked for', () => {
  const keys = ['b', 'a', 'd', 'c']
  expect(hashOrder(hashed(keys), 4).map((place) => keys[place])).toEqual(['a', 'b', 'c', 'd'])
})

test('a table that has grown is ordered by its last size', () => {
  const numbers = [16, 0, 8, 1]
  // 0, 8 and 16 share a bucket of 8; in the 8 that four entries need they keep the order of insertion.
  expect(hashOrder(numbers, 1).map((place) => numbers[place])).toEqual([16, 0, 8, 1])
  expect(hashOrder(numbers, 32).map((place) => numbers[place])).toEqual([0, 1, 8, 16])
})

test('bytes hash as signed numbers, strings by their UTF-16 units', () => {
  expect(hashed(['é'])[0]).not.toBe(stringHash('é'))
  expect(hashed(['zeta'])[0]).toBe(stringHash('zeta'))
})
