import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { DatapipeError } from '../base/errors.ts'
import { faultyStorage } from './faulty.ts'
import { localStorage } from './local.ts'
import { memoryStorage } from './memory.ts'
import { openStorage } from './open-storage.ts'
import type { Storage } from './storage.ts'

const cleanUps: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function temporaryDirectory(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'datapipe-local-'))
  cleanUps.push(() => rm(made, { recursive: true, force: true }))
  return made
}

async function listed(storage: Storage): Promise<string[]> {
  const paths: string[] = []
  for await (const { path } of storage.list('')) paths.push(path)
  return paths
}

async function* megabytes(count: number) {
  for (let index = 0; index < count; index++) yield Buffer.alloc(1 << 20, index)
}

async function expectDiskFull(storage: Storage): Promise<void> {
  await storage.put('small', [Buffer.from('fits')])
  const error = await storage.put('large/one', megabytes(16)).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(DatapipeError)
  expect(error).toMatchObject({ code: 'storage-failed', path: 'large/one', cause: { code: 'ENOSPC' } })
  expect((error as DatapipeError).message).toBe('no space left on device while writing large/one')
  expect(await listed(storage)).toEqual(['small'])
}

test('a disk that is full in the middle of a put (faulty wrapper): the error says so and nothing is left', async () => {
  await expectDiskFull(faultyStorage(memoryStorage(), { fullAfterBytes: 8 << 20 }))
})

test('a disk that is really full (tmpfs of 8 MiB): the error says so, the temporary file is gone and the space is free again', async ({ skip }) => {
  const directory = await temporaryDirectory()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', directory], { stdio: 'pipe' })
  } catch (error) {
    skip(`cannot mount a tmpfs here: ${String(error).split('\n')[1] ?? error}`)
  }
  cleanUps.push(() => execFileSync('umount', [directory]))
  const storage = localStorage(join(directory, 'repository'))
  await expectDiskFull(storage)
  expect(await readdir(join(directory, 'repository', 'large'))).toEqual([])
  expect(await storage.put('six', megabytes(6))).toBe(6 << 20)
})

test('a writer that is killed leaves no object: list does not show its file, sweep removes it', async () => {
  const directory = await temporaryDirectory()
  const child = spawn(process.execPath, ['--input-type=module', '-e', writerProgram, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
  const storage = localStorage(directory)
  expect(await listed(storage)).toEqual(['whole'])
  expect(await readdir(join(directory, 'half'))).toEqual([expect.stringMatching(/^\.datapipe-tmp-/)])
  expect(await storage.sweep()).toBe(1)
  expect(await readdir(join(directory, 'half'))).toEqual([])
  expect(await storage.sweep()).toBe(0)
  await storage.put('half/object', [Buffer.from('x')])
})

/** Puts one object whole, then stalls in the middle of a second one once bytes of it are in the file. */
const writerProgram = `
  import { localStorage } from ${JSON.stringify(new URL('local.ts', import.meta.url).href)}
  const storage = localStorage(process.argv[1])
  await storage.put('whole', [Buffer.from('whole')])
  async function* source() {
    for (let i = 0; i < 4; i++) yield Buffer.alloc(1 << 20)
    process.stdout.write('stalled')
    await new Promise((resolve) => setTimeout(resolve, 60_000))
  }
  await storage.put('half/object', source())
`

test('directories that a removal leaves empty go, the root stays', async () => {
  const root = join(await temporaryDirectory(), 'repository')
  const storage = localStorage(root)
  await storage.put('a/b/c', [])
  await storage.put('a/d', [])
  await storage.remove('a/b/c')
  expect(await readdir(join(root, 'a'))).toEqual(['d'])
  await storage.remove('a/d')
  expect(await readdir(root)).toEqual([])
})

test('a path below a file: storage-failed with the system error as its cause', async () => {
  const root = await temporaryDirectory()
  await localStorage(root).put('file', [])
  await expect(localStorage(root).put('file/below', [])).rejects.toMatchObject({
    code: 'storage-failed',
    path: 'file/below',
    message: 'failed writing file/below',
    cause: { code: expect.stringMatching(/ENOTDIR|EEXIST/) },
  })
})

test('files are not for the world: 0640 in 0750', async () => {
  const root = join(await temporaryDirectory(), 'r')
  await mkdir(root)
  await localStorage(root).put('d/secret', [Buffer.from('x')])
  expect((await stat(join(root, 'd'))).mode & 0o007).toBe(0)
  expect((await stat(join(root, 'd', 'secret'))).mode & 0o117).toBe(0)
})

test.each([
  ['file:///var/backups/data%20pipe/', 'file:///var/backups/data%20pipe'],
  ['file:///', 'file:///'],
])('opens %s', (url, expected) => {
  expect(openStorage(url).url).toBe(expected)
})

test.each(['s3://bucket/prefix', 'file://host/path', '/var/backups', 'nonsense:'])('refuses %s and says what is supported', (url) => {
  expect(() => openStorage(url)).toThrow(expect.objectContaining({ code: 'config-invalid', hint: 'supported: file:///absolute/path' }))
})

test('regression: a directory that the file system will not make ends in an error, not in a hang', async () => {
  const error = await localStorage('/proc/datapipe-nothing/deeper')
    .put('a/b', [Buffer.from('x')])
    .catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'storage-failed', path: 'a/b', cause: { code: 'ENOENT' } })
})
