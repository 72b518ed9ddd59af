import { expect, test } from 'vitest'
import { codecs, compress, decompress } from './compression.ts'

const text = Buffer.from('one record behind another, '.repeat(3000))

test.each(codecs)('what is compressed comes back: %s', (codec) => {
  const stored = compress(codec, text)
  if (codec !== 'none') expect(stored.length).toBeLessThan(text.length / 5)
  expect(decompress(codec, stored).equals(text)).toBe(true)
})

/** As Java's SnappyOutputStream writes it: blocks of 32 KiB. */
const frames = [text.subarray(0, 32_768), text.subarray(32_768, 65_536), text.subarray(65_536)].map((piece) => {
  const block = compress('snappy', piece)
  const size = Buffer.alloc(4)
  size.writeUInt32BE(block.length)
  return Buffer.concat([size, block])
})
const xerial = Buffer.concat([Buffer.from('82534e41505059000000000100000001', 'hex'), ...frames])

test("snappy in xerial's frames, as Java clients send it", () => {
  expect(decompress('snappy', xerial).equals(text)).toBe(true)
  expect(decompress('snappy', xerial.subarray(0, 16))).toHaveLength(0)
})

test.each([17, 19, 30, xerial.length - 1])('a frame that is cut off is damage, not an end: after %i bytes', (length) => {
  expect(() => decompress('snappy', xerial.subarray(0, length))).toThrow(
    expect.objectContaining({ code: 'kafka-corrupt', message: expect.stringMatching(/^a snappy frame at byte \d+ goes beyond/) as string }) as Error,
  )
})
