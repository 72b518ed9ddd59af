import { randomBytes } from 'node:crypto'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { silentContext } from '../../base/context.ts'
import { pathsUnder } from '../../repository/notes.ts'
import { createBackupWriter } from '../../repository/write-backup.ts'
import { memoryStorage } from '../../storage/memory.ts'
import { fileChecks } from './file-checks.ts'
import { storeArchive } from './store-archive.ts'
import { tarOf } from './tar-stand-in.ts'

const context = silentContext()
const tar = tarOf({ 'base/5/1259': randomBytes(3 << 20), 'global/pg_control': Buffer.alloc(8192, 'c') })

async function store(bytes: Buffer, isCompressed: boolean) {
  const storage = memoryStorage()
  const backup = await createBackupWriter({ storage, context, id: '20261125T030000Z-0001' })
  const checks = fileChecks(() => 'CRC32C')
  const source = (async function* () {
    for (let at = 0; at < bytes.length; at += 32_768) yield bytes.subarray(at, at + 32_768)
  })()
  const work = storeArchive({
    source,
    isCompressed,
    path: 'base.tar.zst',
    reader: checks.archive(''),
    writer: backup.component('postgres'),
    signal: context.signal,
  })
  return { storage, checks, artifact: await work.catch((error: unknown) => error) }
}

async function stored(storage: ReturnType<typeof memoryStorage>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of storage.get('backups/20261125T030000Z-0001/postgres/base.tar.zst')) chunks.push(chunk)
  return Buffer.concat(chunks)
}

test('what the server has compressed is stored as it came, and read on the way', async () => {
  const bytes = zstdCompressSync(tar)
  const { storage, checks } = await store(bytes, true)
  expect((await stored(storage)).equals(bytes)).toBe(true)
  expect([checks.bytes(), checks.control()?.length]).toEqual([(3 << 20) + 8192, 8192])
})

test('what comes as it is is compressed here', async () => {
  const { storage, checks } = await store(tar, false)
  expect(zstdDecompressSync(await stored(storage)).equals(tar)).toBe(true)
  expect(checks.control()?.length).toBe(8192)
})

test.each([
  ['cut in the middle', zstdCompressSync(tar.subarray(0, 1 << 20)), true],
  ['cut while it was compressed', zstdCompressSync(tar).subarray(0, 2 << 20), true],
  ['no archive', zstdCompressSync(Buffer.alloc(1 << 20, 'x')), true],
  ['not compressed at all', tar, true],
  ['cut, and to be compressed here', tar.subarray(0, 1 << 20), false],
])('an archive that is %s fails, and is not stored', async (_what, bytes, isCompressed) => {
  const { storage, artifact } = await store(bytes, isCompressed)
  expect(artifact).toBeInstanceOf(Error)
  expect(await pathsUnder(storage, '')).toEqual([])
})
