import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { silentContext } from '../base/context.ts'
import { faultyStorage } from '../storage/faulty.ts'
import { memoryStorage } from '../storage/memory.ts'
import { manifestPath, newBackupId } from './layout.ts'
import { initRepository } from './marker.ts'
import { pathsUnder } from './notes.ts'
import { openBackup } from './open-backup.ts'
import { manifestOf, recordingContext, storeTestBackup } from './test-backup.ts'
import { discardUnfinished, resumeUnfinished } from './unfinished.ts'
import { createBackupWriter } from './write-backup.ts'

const id = '20261125T030000Z-0001'
const context = silentContext()

test('what was written comes back verified, with its size and SHA-256, and the manifest is written last', async () => {
  const puts: string[] = []
  const storage = faultyStorage(memoryStorage(), { before: (operation, path) => void (operation === 'put' && puts.push(path)) })
  const manifest = await storeTestBackup(storage, id)
  expect(puts.slice(-2)).toEqual([`backups/${id}/manifest.json.sha256`, `backups/${id}/manifest.json`])
  const backup = await openBackup(storage, id)
  expect(backup.manifest).toEqual(manifest)
  const [first] = backup.component('kafka').artifacts
  const bytes = Buffer.alloc(200_000, 'orders')
  expect(first).toEqual({
    path: `backups/${id}/kafka/orders/0`,
    component: 'kafka',
    bytes: 200_000,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  })
  expect((await backup.component('kafka').readAll(manifest.artifacts[0] ?? expect.fail())).equals(bytes)).toBe(true)
})

test('ids sort by time and carry it', () => {
  expect(newBackupId(new Date('2026-11-25T03:04:05.678Z'))).toMatch(/^20261125T030405Z-[0-9a-f]{4}$/)
})

test('a manifest that lists a file that is not there is not written', async () => {
  const storage = memoryStorage()
  const writer = await createBackupWriter({ storage, context, id })
  await writer.component('kafka').write('a', Buffer.from('x'))
  await storage.remove(`backups/${id}/kafka/a`)
  await expect(writer.commit(manifestOf(writer))).rejects.toMatchObject({ code: 'artifact-missing', path: `backups/${id}/kafka/a` })
  expect(await storage.exists(manifestPath(id))).toBe(false)
})

test('a manifest that lists a file of another size is not written', async () => {
  const storage = memoryStorage()
  const writer = await createBackupWriter({ storage, context, id })
  const artifact = await writer.component('kafka').write('a', Buffer.from('x'))
  await expect(writer.commit(manifestOf(writer, { artifacts: [{ ...artifact, bytes: 2 }] }))).rejects.toMatchObject({ code: 'artifact-damaged' })
  expect(await storage.exists(manifestPath(id))).toBe(false)
})

test('a file is never written twice', async () => {
  const writer = await createBackupWriter({ storage: memoryStorage(), context, id })
  await writer.component('kafka').write('a', Buffer.from('first'))
  await expect(writer.component('kafka').write('a', Buffer.from('again'))).rejects.toMatchObject({ code: 'storage-failed' })
  expect(writer.artifacts()).toHaveLength(1)
})

test('a shared file: an identical one is kept, a different one is archive-conflict and the stored one stays', async () => {
  const storage = memoryStorage()
  const writer = await createBackupWriter({ storage, context, id })
  const postgres = writer.component('postgres')
  const first = await postgres.writeShared('wal/1/0001', Buffer.from('segment'))
  expect(await postgres.writeShared('wal/1/0001', Buffer.from('segment'))).toEqual(first)
  await expect(postgres.writeShared('wal/1/0001', Buffer.from('SEGMENT'))).rejects.toMatchObject({ code: 'archive-conflict', path: 'wal/1/0001' })
  expect(writer.artifacts()).toEqual([first])
  await expect(postgres.writeShared('elsewhere/1', Buffer.from('x'))).rejects.toThrow('a shared file lies under wal/')
})

test('an aborted run stops between two chunks and leaves neither file nor manifest', async () => {
  const storage = memoryStorage()
  const abort = new AbortController()
  const writer = await createBackupWriter({ storage, context: silentContext({ signal: abort.signal }), id })
  async function* source() {
    yield Buffer.from('one')
    abort.abort()
    yield Buffer.from('two')
  }
  await expect(writer.component('kafka').write('a', source())).rejects.toMatchObject({ code: 'interrupted' })
  expect(await pathsUnder(storage, '')).toEqual([])
})

test('a full disk in the middle of a backup leaves no manifest, and the next run takes over what was remembered', async () => {
  const inner = memoryStorage()
  await initRepository(inner, context)
  const full = faultyStorage(inner, { fullAfterBytes: 2000 })
  const first = await createBackupWriter({ storage: full, context, id })
  const kept = await first.component('kafka').write('kept', Buffer.alloc(1000, 1))
  await first.component('kafka').remember('topic kept', { next: '17' }, [kept])
  await expect(first.component('kafka').write('lost', Buffer.alloc(1000, 2))).rejects.toMatchObject({
    code: 'storage-failed',
    cause: { code: 'ENOSPC' },
  })

  const second = await resumeUnfinished(inner, context)
  expect(second).toMatchObject({ id, resumed: true })
  expect(second?.component('kafka').notes()).toEqual([{ key: 'topic kept', note: { next: '17' }, artifacts: [kept] }])
  expect(second?.component('postgres').notes()).toEqual([])
  expect(second?.artifacts()).toEqual([kept])
})

test('adoption removes files that no note names and a lone checksum, keeps the named ones, and never touches shared WAL', async () => {
  const storage = memoryStorage()
  const first = await createBackupWriter({ storage, context, id })
  const kafka = first.component('kafka')
  const named = await kafka.write('named', Buffer.from('n'))
  await kafka.remember('one', 1, [named])
  await kafka.write('unnamed', Buffer.from('u'))
  await first.component('postgres').writeShared('wal/1/0001', Buffer.from('w'))
  await storage.put(`backups/${id}/manifest.json.sha256`, [Buffer.from('half a commit')])

  const second = await resumeUnfinished(storage, context)
  expect(await pathsUnder(storage, '')).toEqual([`backups/${id}/kafka/named`, `backups/${id}/notes/000001.json`, 'wal/1/0001'])
  await second?.component('kafka').write('unnamed', Buffer.from('again'))
  await second?.component('kafka').remember('two', 2, [])
  expect(await storage.exists(`backups/${id}/notes/000002.json`)).toBe(true)
  await second?.commit(manifestOf(second))
  expect(await pathsUnder(storage, `backups/${id}/notes`)).toEqual([])
  expect(await resumeUnfinished(storage, context)).toBeUndefined()
})

test.each([
  [
    'shorter',
    async (storage: ReturnType<typeof memoryStorage>, path: string) => {
      await storage.remove(path)
      await storage.put(path, [Buffer.from('x')])
    },
  ],
  ['missing', async (storage: ReturnType<typeof memoryStorage>, path: string) => storage.remove(path)],
])('a note whose file is %s is not offered, and all its files go', async (_what, damage) => {
  const storage = memoryStorage()
  const first = await createBackupWriter({ storage, context, id })
  const kafka = first.component('kafka')
  const files = [await kafka.write('a', Buffer.from('aaaa')), await kafka.write('b', Buffer.from('bbbb'))]
  await kafka.remember('both', null, files)
  await damage(storage, `backups/${id}/kafka/a`)
  const second = await resumeUnfinished(storage, context)
  expect(second?.component('kafka').notes()).toEqual([])
  expect(await pathsUnder(storage, '')).toEqual([])
})

test('discarding removes unfinished backups and nothing else', async () => {
  const storage = memoryStorage()
  await storeTestBackup(storage, id)
  const before = await pathsUnder(storage, '')
  const unfinished = await createBackupWriter({ storage, context, id: '20261126T030000Z-0002' })
  await unfinished.component('kafka').remember('k', 1, [await unfinished.component('kafka').write('a', Buffer.from('x'))])
  expect(await discardUnfinished(storage, context)).toEqual(['20261126T030000Z-0002'])
  expect(await pathsUnder(storage, '')).toEqual(before)
})

test('an id that is taken is refused', async () => {
  const storage = memoryStorage()
  await storeTestBackup(storage, id)
  await expect(createBackupWriter({ storage, context, id })).rejects.toMatchObject({ code: 'storage-failed' })
})

test('notes that cannot be removed do not undo a finished backup', async () => {
  const inner = memoryStorage()
  await initRepository(inner, context)
  const { events, context: recording } = recordingContext()
  const storage = faultyStorage(inner, {
    before: (operation, path) => (operation === 'remove' && path.includes('/notes/') ? new Error('no') : undefined),
  })
  const writer = await createBackupWriter({ storage, context: recording, id })
  await writer.component('kafka').remember('k', 1, [])
  await writer.commit(manifestOf(writer))
  expect((await openBackup(inner, 'latest')).id).toBe(id)
  expect(events).toMatchObject([{ type: 'log', level: 'warning', message: expect.stringContaining('notes of finished work stay') }])
})

test('of several unfinished backups the newest is gone on with, and the others are removed', async () => {
  const storage = memoryStorage()
  await initRepository(storage, context)
  for (const number of [1, 2]) {
    const writer = await createBackupWriter({ storage, context, id: `2026112${number}T030000Z-000${number}` })
    await writer.component('kafka').remember('work', number, [await writer.component('kafka').write('orders/0', Buffer.from('records'))])
  }
  const resumed = await resumeUnfinished(storage, context)
  expect(resumed?.id).toBe('20261122T030000Z-0002')
  expect(resumed?.component('kafka').notes()).toMatchObject([{ note: 2 }])
  expect(await pathsUnder(storage, 'backups/20261121T030000Z-0001/')).toEqual([])
})

test('an id that follows another within a second, or under a clock that was set back, sorts behind it', () => {
  const now = new Date('2026-11-25T03:00:00.200Z')
  const first = newBackupId(now)
  const second = newBackupId(new Date('2026-11-25T03:00:00.900Z'), first)
  const third = newBackupId(new Date('2026-11-25T02:59:00Z'), second)
  expect([first, second, third].map((text) => text.slice(0, 16))).toEqual(['20261125T030000Z', '20261125T030001Z', '20261125T030002Z'])
  expect(newBackupId(new Date('2026-11-25T04:00:00Z'), third)).toMatch(/^20261125T040000Z-/)
})
