import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { compress as compressAs } from '../../clients/kafka/compression.ts'
import { lz4Decompressor } from './lz4-frame.ts'

async function plain(bytes: Buffer, size = 1 << 16): Promise<Buffer> {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  const chunks: Buffer[] = []
  for await (const chunk of Readable.from(pieces, { objectMode: false }).compose(lz4Decompressor())) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const compress = (bytes: Buffer) => compressAs('lz4', bytes)
/** Pages of a table, more or less: repeats near and far, of every length, and stretches that do not compress. */
const pages = Buffer.concat(
  Array.from({ length: 300 }, (_, page) =>
    Buffer.concat([
      randomBytes(page % 90),
      Buffer.alloc(page * 7, 'ab'),
      Buffer.from(`row ${page} of some table with a filler`),
      Buffer.alloc(1 + (page % 5) * 600),
    ]),
  ),
)

test('gives back what another implementation has compressed, however it is cut', async () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from('x'), pages, Buffer.concat([pages, pages, pages]), randomBytes(300_000)]) {
    const stored = compress(bytes)
    for (const size of [1000, 1 << 16, 1 << 22]) expect((await plain(stored, size)).equals(bytes), `${bytes.length} by ${size}`).toBe(true)
  }
  expect((await plain(compress(pages.subarray(0, 3000)), 1)).equals(pages.subarray(0, 3000))).toBe(true)
})

/** Two blocks, as PostgreSQL links them: the second one is a match that reaches into the first. */
const linked = Buffer.concat([
  Buffer.from('04224d18', 'hex'),
  Buffer.from([0x40, 0x50, 0x00]),
  Buffer.from([9, 0, 0, 0x80]),
  Buffer.from('123456789'),
  Buffer.from([5, 0, 0, 0]),
  // No literals, a match of 4 + 1 bytes 9 back; then one literal.
  Buffer.from([0x01, 9, 0, 0x10, 0x21]),
  Buffer.from([0, 0, 0, 0]),
])

test('a match may reach into the block before, also when they arrive apart', async () => {
  for (const size of [1, 20, 100]) expect((await plain(linked, size)).toString(), String(size)).toBe('12345678912345!')
})

test('a stream that is cut, reaches too far or is none ends in damage', async () => {
  const stored = compress(pages)
  for (const length of [0, 3, 7, 100, stored.length - 4]) {
    await expect(plain(stored.subarray(0, length)), String(length)).rejects.toMatchObject({ code: 'artifact-damaged' })
  }
  await expect(plain(Buffer.from('this is no lz4 stream'))).rejects.toMatchObject({ code: 'artifact-damaged' })
  const far = Buffer.from(linked)
  far[linked.indexOf('123456789') + 9 + 5] = 10
  await expect(plain(far)).rejects.toMatchObject({ code: 'artifact-damaged', message: expect.stringContaining('cannot be decompressed') })
  // The decompressor is one for the whole process: damage to one stream is none to the next.
  expect((await plain(stored)).equals(pages)).toBe(true)
})
