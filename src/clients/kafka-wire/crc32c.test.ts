import { expect, test } from 'vitest'
import { crc32cOf } from './crc32c.ts'

test('the check value of the algorithm, and the empty input', () => {
  expect(crc32cOf(Buffer.from('123456789'))).toBe(0xe3069283)
  expect(crc32cOf(Buffer.alloc(0))).toBe(0)
})

// RFC 3720, B.4.
test.each([
  ['zeros', Buffer.alloc(32), 0x8a9136aa],
  ['ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['counting up', Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
  ['counting down', Buffer.from(Array.from({ length: 32 }, (_, index) => 31 - index)), 0x113fdb5c],
])('32 bytes, %s', (_, bytes, crc) => {
  expect(crc32cOf(bytes)).toBe(crc)
})

/** Bit by bit, as the polynomial says. */
function slowly(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

test('any length and any start, in one go or in two', () => {
  const bytes = Buffer.from(Array.from({ length: 300 }, (_, index) => (index * 73 + 11) & 0xff))
  for (let length = 0; length < 40; length++) expect(crc32cOf(bytes, 3, 3 + length)).toBe(slowly(bytes.subarray(3, 3 + length)))
  expect(crc32cOf(bytes)).toBe(slowly(bytes))
  expect(crc32cOf(bytes, 101, 300, crc32cOf(bytes, 0, 101))).toBe(slowly(bytes))
})
