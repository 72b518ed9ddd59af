import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compressed, decompressed } from './compression.ts'
import { checkTar, tarOf, untar } from './tar.ts'

const { signal } = new AbortController()
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-tar-'))
  await mkdir(join(directory, 'from', 'global'), { recursive: true })
  await writeFile(join(directory, 'from', 'global', 'pg_control'), 'control')
  await writeFile(join(directory, 'from', 'global', 'pg_control2'), 'other')
  await writeFile(join(directory, 'from', 'big'), Buffer.alloc(3_000_000, 'x'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function packed(): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  const tar = Readable.from(tarOf(join(directory, 'from'), { exclude: ['global/pg_control'], signal }), { objectMode: false })
  for await (const chunk of compressed(tar, signal)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const unpacked = (bytes: Buffer) => decompressed(Readable.from([bytes]) as AsyncIterable<Uint8Array>, signal)

test('packs a directory without what is left out, and unpacks it', async () => {
  const bytes = await packed()
  const to = join(directory, 'to')
  await mkdir(to)
  await untar(unpacked(bytes), to, { owner: undefined, signal })
  expect(await readFile(join(to, 'global', 'pg_control2'), 'utf8')).toBe('other')
  expect((await readFile(join(to, 'big'))).length).toBe(3_000_000)
  await expect(readFile(join(to, 'global', 'pg_control'))).rejects.toThrow('ENOENT')
})

test('an archive with much padding is whole, however early tar stops reading', async () => {
  const padded = async function* () {
    yield* unpacked(await packed())
    for (let chunk = 0; chunk < 50; chunk++) yield Buffer.alloc(1 << 18)
  }
  for (let round = 0; round < 6; round++) expect(await checkTar(padded(), signal)).toBe(4)
})

test('the same bytes are compressed to the same bytes', async () => {
  const source = () => Readable.from([Buffer.alloc(5_000_000, 'abc')], { objectMode: false })
  const sizes = new Set<string>()
  for (let round = 0; round < 2; round++) {
    const chunks: Uint8Array[] = []
    for await (const chunk of compressed(source(), signal)) chunks.push(chunk)
    sizes.add(Buffer.concat(chunks).toString('base64'))
  }
  expect(sizes.size).toBe(1)
})

test('a stream that is cut, or a source that fails at its end, fails', async () => {
  const bytes = await packed()
  await expect(checkTar(unpacked(bytes.subarray(0, bytes.length / 2)), signal)).rejects.toThrow()
  const failing = async function* () {
    yield* unpacked(bytes)
    throw new Error('wrong checksum')
  }
  await expect(checkTar(failing(), signal)).rejects.toThrow('wrong checksum')
})

test('what is no tar archive fails with the words of tar', async () => {
  await expect(checkTar(Readable.from([Buffer.alloc(100_000, 'x')]) as AsyncIterable<Uint8Array>, signal)).rejects.toMatchObject({
    code: 'tool-failed',
  })
})
