import { expect, test } from 'vitest'
import { readVarint, readVarlong, skipVarint, varintSize, writeVarint, writeVarlong } from './varint.ts'

const narrow = [0, -1, 1, 63, -64, 64, -65, 8191, -8192, 8192, 1_048_575, -1_048_577, 134_217_728, 2_147_483_647, -2_147_483_648]
const wide = [...narrow.map(BigInt), 2n ** 31n, -(2n ** 31n) - 1n, 2_160_000_000n, 2n ** 40n, 2n ** 62n, 2n ** 63n - 1n, -(2n ** 63n)]

test.each(narrow)('varint %d comes back, in the announced size', (value) => {
  const bytes = Buffer.alloc(5)
  const end = writeVarint(bytes, 0, value)
  expect(end).toBe(varintSize(value))
  const cursor = { bytes: bytes.subarray(0, end), at: 0 }
  expect(readVarint(cursor)).toBe(value)
  expect(cursor.at).toBe(end)
})

test.each(wide)('varlong %d comes back: deltas beyond 24.8 days need more than 32 bits', (value) => {
  const bytes = Buffer.alloc(10)
  const end = writeVarlong(bytes, 0, value)
  const cursor = { bytes: bytes.subarray(0, end), at: 0 }
  expect(readVarlong(cursor)).toBe(value)
  const skipping = { bytes: bytes.subarray(0, end), at: 0 }
  skipVarint(skipping)
  expect(skipping.at).toBe(end)
})

test('zigzag bytes are those of the protocol guide', () => {
  expect(readVarint({ bytes: Buffer.from([0x01]), at: 0 })).toBe(-1)
  expect(readVarint({ bytes: Buffer.from([0xac, 0x02]), at: 0 })).toBe(150)
})

test('a number cut off at the end, or without end, is a RangeError', () => {
  expect(() => readVarint({ bytes: Buffer.from([0x80]), at: 0 })).toThrow(RangeError)
  expect(() => readVarint({ bytes: Buffer.alloc(8, 0xff), at: 0 })).toThrow(RangeError)
  expect(() => readVarlong({ bytes: Buffer.alloc(12, 0xff), at: 0 })).toThrow(RangeError)
})
