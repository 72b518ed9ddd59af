import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { archiveWalCommand } from '../../commands/archive-wal.ts'
import { archiveWal } from './archive-wal.ts'

const identifier = 7412345678901234567n
const name = '000000010000000000000005'
let directory: string
let data: string

/** A segment of 64 KiB with a long page header and `fill` after it. */
function segment(system = identifier, fill = 1): Buffer {
  const bytes = Buffer.alloc(65536, fill)
  bytes.writeUInt16LE(0xd110, 0)
  bytes.writeUInt16LE(2, 2)
  bytes.writeUInt32LE(1, 4)
  bytes.writeBigUInt64LE(5n * 65536n, 8)
  bytes.writeBigUInt64LE(system, 24)
  bytes.writeUInt32LE(65536, 32)
  return bytes
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-archive-'))
  data = join(directory, 'data')
  await mkdir(join(data, 'global'), { recursive: true })
  await mkdir(join(data, 'pg_wal'))
  const control = Buffer.alloc(8192)
  control.writeBigUInt64LE(identifier, 0)
  await writeFile(join(data, 'global', 'pg_control'), control)
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const archive = (to: string) => join(directory, to)
const offer = (bytes: Buffer, file = name) => writeFile(join(data, 'pg_wal', file), bytes)

test('stores a segment under system identifier and timeline, and accepts the same one again', async () => {
  await offer(segment())
  const path = join(archive('one'), identifier.toString(), '00000001', name)
  expect(await archiveWal(`pg_wal/${name}`, archive('one'), data)).toEqual({ path, already: false })
  expect(await archiveWal(`pg_wal/${name}`, archive('one'), data)).toEqual({ path, already: true })
  expect(await readFile(path)).toEqual(segment())
  expect(await readdir(join(path, '..'))).toEqual([name])
})

test('never overwrites a different segment of the same name', async () => {
  await offer(segment())
  const { path } = await archiveWal(`pg_wal/${name}`, archive('two'), data)
  await offer(segment(identifier, 2))
  await expect(archiveWalCommand(`pg_wal/${name}`, archive('two'), data)).rejects.toMatchObject({ code: 'archive-conflict' })
  expect(await readFile(path)).toEqual(segment())
})

test('of many archivers at once one stores and the others find it there', async () => {
  await offer(segment())
  const results = await Promise.all(Array.from({ length: 12 }, () => archiveWal(`pg_wal/${name}`, archive('many'), data)))
  expect(results.filter((result) => !result.already)).toHaveLength(1)
})

test('refuses a segment of another system, one that is cut short, and what is no WAL file', async () => {
  await offer(segment(99n))
  await expect(archiveWal(`pg_wal/${name}`, archive('three'), data)).rejects.toThrow(/belongs to system 99/)
  await offer(segment().subarray(0, 60000))
  await expect(archiveWal(`pg_wal/${name}`, archive('three'), data)).rejects.toThrow(/60000 bytes instead of 65536/)
  await expect(archiveWal('pg_wal/notes.txt', archive('three'), data)).rejects.toThrow(/not the name of a WAL file/)
})

test('stores history, backup and partial files too', async () => {
  await offer(Buffer.from('1\t0/5000000\tno recovery target specified\n'), '00000002.history')
  await offer(Buffer.from('START WAL LOCATION: 0/2000028\n'), `${name}.00000028.backup`)
  await offer(segment(), `${name}.partial`)
  const { path } = await archiveWal('pg_wal/00000002.history', archive('four'), data)
  expect(path).toBe(join(archive('four'), identifier.toString(), '00000002', '00000002.history'))
  await archiveWal(`pg_wal/${name}.00000028.backup`, archive('four'), data)
  await archiveWal(`pg_wal/${name}.partial`, archive('four'), data)
  expect(await readdir(join(archive('four'), identifier.toString(), '00000001'))).toEqual([`${name}.00000028.backup`, `${name}.partial`])
})

test('works as a copied file alone, with exit codes below 126', async () => {
  const script = join(directory, 'copied.mts')
  await copyFile(new URL('./archive-wal.ts', import.meta.url), script)
  const run = (...args: string[]) => promisify(execFile)(process.execPath, [script, ...args], { cwd: data })
  await offer(segment())
  await run(`pg_wal/${name}`, archive('alone'))
  expect(await readFile(join(archive('alone'), identifier.toString(), '00000001', name))).toEqual(segment())
  await offer(segment(identifier, 3))
  await expect(run(`pg_wal/${name}`, archive('alone'))).rejects.toMatchObject({ code: 46, stderr: expect.stringContaining('archived already') })
  await expect(run('pg_wal/00000001000000000000FFFF', archive('alone'))).rejects.toMatchObject({ code: 45 })
  await expect(run()).rejects.toMatchObject({ code: 64 })
})
