import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { compressed, decompressed } from './compression.ts'

const { signal } = new AbortController()

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const compress = (bytes: Buffer) => bytesOf(compressed(Readable.from([bytes], { objectMode: false }), signal))
const stream = (bytes: Buffer) => Readable.from([bytes]) as AsyncIterable<Uint8Array>

test('the same bytes are compressed to the same bytes', async () => {
  const [one, other] = await Promise.all([compress(Buffer.alloc(5_000_000, 'abc')), compress(Buffer.alloc(5_000_000, 'abc'))])
  expect(one.equals(other)).toBe(true)
  expect((await bytesOf(decompressed(stream(one), signal))).length).toBe(5_000_000)
})

test('a stream that is cut, or a source that fails at its end, fails', async () => {
  const bytes = await compress(Buffer.from(Array.from({ length: 100_000 }, (_, n) => `${n}`).join()))
  await expect(bytesOf(decompressed(stream(bytes.subarray(0, bytes.length / 2)), signal))).rejects.toThrow()
  const failing = async function* () {
    yield bytes
    throw new Error('wrong checksum')
  }
  await expect(bytesOf(decompressed(failing(), signal))).rejects.toThrow('wrong checksum')
})
