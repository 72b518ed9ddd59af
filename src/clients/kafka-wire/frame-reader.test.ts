import { expect, test } from 'vitest'
import { FrameReader } from './frame-reader.ts'
import { seeded } from './seeded.ts'

test.each([...Array(40).keys()])('answers of any sizes, read in pieces of any sizes, come out whole and in order: %i', (seed) => {
  const random = seeded(seed)
  const sizes = [4, 5, 11, 3000, 16_379, 16_380, 16_381, 40_000, 250_000]
  const frames = [...Array(30).keys()].map(() => {
    const size = random() < 0.3 ? (sizes[Math.floor(random() * sizes.length)] ?? 4) : 4 + Math.floor(random() * 200)
    return Buffer.from(Array.from({ length: size }, () => Math.floor(random() * 256)))
  })
  const stream = Buffer.concat(
    frames.flatMap((frame) => {
      const size = Buffer.alloc(4)
      size.writeInt32BE(frame.length)
      return [size, frame]
    }),
  )
  const found: Buffer[] = []
  const reader = new FrameReader((frame) => found.push(frame))
  for (let at = 0; at < stream.length; ) {
    const target = reader.target()
    expect(target.length).toBeGreaterThan(0)
    const most = random() < 0.3 ? 1 + Math.floor(random() * 7) : 65_536
    const count = Math.min(target.length, most, stream.length - at)
    stream.copy(target, 0, at, at + count)
    reader.took(count)
    at += count
  }
  expect(found.length).toBe(frames.length)
  expect(Buffer.concat(found).equals(Buffer.concat(frames))).toBe(true)
})

test('a size that no answer has is refused', () => {
  const reader = new FrameReader(() => {})
  reader.target().writeInt32BE(-5)
  expect(() => reader.took(4)).toThrow('an answer of -5 bytes')
})
