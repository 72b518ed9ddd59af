import { mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { tarOf } from './tar-stand-in.ts'
import { unpackArchive } from './unpack-archive.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-unpack-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const many = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`base/5/${n}`, Buffer.alloc((n % 7) * 8192, String(n))]))
const files = {
  backup_label: Buffer.from('label'),
  ...many,
  'base/5/large': Buffer.alloc(40 << 20, 'L'),
  'global/pg_control': Buffer.from('control'),
}

async function* chunks(bytes: Buffer, size = 1 << 18) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const unpack = (source: AsyncIterable<Uint8Array>) => unpackArchive(source, { directory, owner: undefined, flush: true, onProgress() {} })

test('unpacks every file but pg_control, with the modes that the archive names', async () => {
  const umask = process.umask(0o077)
  try {
    await unpack(chunks(tarOf(files)))
  } finally {
    process.umask(umask)
  }
  for (const [path, bytes] of Object.entries({ ...many, backup_label: files.backup_label })) {
    expect((await readFile(join(directory, path))).equals(bytes), path).toBe(true)
  }
  expect((await readFile(join(directory, 'base/5/large'))).equals(files['base/5/large'])).toBe(true)
  expect(await readdir(join(directory, 'global'))).toEqual([])
  expect((await stat(join(directory, 'base/5/large'))).mode & 0o777).toBe(0o600)
  expect((await stat(join(directory, 'base'))).mode & 0o777).toBe(0o700)
})

test('a file that is there already is not overwritten', async () => {
  await writeFile(join(directory, 'backup_label'), 'mine')
  await expect(unpack(chunks(tarOf(files)))).rejects.toMatchObject({ code: 'EEXIST' })
  expect(await readFile(join(directory, 'backup_label'), 'utf8')).toBe('mine')
})

test('when the source fails no file is written to any more: what is there can be removed at once', async () => {
  const failing = async function* () {
    yield* chunks(tarOf(files).subarray(0, 20 << 20))
    throw new Error('wrong checksum')
  }
  await expect(unpack(failing())).rejects.toThrow('wrong checksum')
  const open = await Promise.all((await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  expect(open.filter((path) => path.startsWith(directory))).toEqual([])
  await rm(directory, { recursive: true })
  await expect(stat(directory)).rejects.toThrow('ENOENT')
})
