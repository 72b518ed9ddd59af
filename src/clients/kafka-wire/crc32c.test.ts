import { expect, test } from 'vitest'
import { crc32c } from '../kafka/crc.ts'
import { crc32cOf } from './crc32c.ts'

test('the check value of the algorithm, and the empty input', () => {
  expect(crc32cOf(Buffer.from('123456789'))).toBe(0xe3069283)
  expect(crc32cOf(Buffer.alloc(0))).toBe(0)
})

test('any length and any start give what the driver computes', () => {
  const bytes = Buffer.from(Array.from({ length: 300 }, (_, index) => (index * 73 + 11) & 0xff))
  for (let length = 0; length < 40; length++) {
    expect(crc32cOf(bytes, 3, 3 + length)).toBe(crc32c(bytes.subarray(3, 3 + length)))
  }
  expect(crc32cOf(bytes)).toBe(crc32c(bytes))
})
