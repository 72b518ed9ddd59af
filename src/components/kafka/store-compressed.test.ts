import { randomBytes } from 'node:crypto'
import { zstdDecompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { compressed, inflated, isZstdFault } from './store-compressed.ts'

const collect = async (source: AsyncIterable<Uint8Array>) => {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function* chunked(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

test.each([0, 1, 100_000, 5_000_000])('%d bytes come back, and any zstd reads them', async (size) => {
  const bytes = Buffer.concat([randomBytes(size / 2), Buffer.alloc(Math.ceil(size / 2), 'ab')])
  const taken: number[] = []
  const stored = await collect(compressed(chunked(bytes, 700_000), (chunk) => taken.push(chunk.length)))
  expect(taken.reduce((sum, length) => sum + length, 0)).toBe(bytes.length)
  expect(zstdDecompressSync(stored).equals(bytes)).toBe(true)
  expect((await collect(inflated(chunked(stored, 300_000)))).equals(bytes)).toBe(true)
})

test('a chunk may be overwritten once it was taken', async () => {
  const bytes = randomBytes(3_000_000)
  const again = Buffer.from(bytes)
  const stored = await collect(compressed(chunked(bytes, 400_000), (chunk) => chunk.fill(0)))
  expect(zstdDecompressSync(stored).equals(again)).toBe(true)
})

test('what the source fails with comes out, both ways', async () => {
  const failing = async function* () {
    yield randomBytes(2_000_000)
    throw new Error('the broker is gone')
  }
  await expect(collect(compressed(failing(), () => {}))).rejects.toThrow('the broker is gone')
  const stored = await collect(compressed(chunked(randomBytes(3_000_000), 500_000), () => {}))
  const damaged = async function* () {
    yield stored
    throw new Error('a wrong checksum')
  }
  await expect(collect(inflated(damaged()))).rejects.toThrow('a wrong checksum')
})

test('a damaged frame is told apart from a failing source', async () => {
  const stored = await collect(compressed(chunked(Buffer.alloc(100_000, 'x'), 50_000), () => {}))
  stored[stored.length - 1] = (stored[stored.length - 1] ?? 0) ^ 1
  const error = await collect(inflated(chunked(stored, 1000))).catch((fault: unknown) => fault)
  expect(isZstdFault(error)).toBe(true)
})

test('a reader that stops early leaves nothing running', async () => {
  let ended = false
  const endless = async function* () {
    try {
      for (;;) yield randomBytes(1_000_000)
    } finally {
      ended = true
    }
  }
  for await (const _ of compressed(endless(), () => {})) break
  await expect.poll(() => ended, { timeout: 10_000 }).toBe(true)
})
