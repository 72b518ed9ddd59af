import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { silentContext } from '../base/context.ts'
import { faultyStorage } from '../storage/faulty.ts'
import { localStorage } from '../storage/local.ts'
import { memoryStorage } from '../storage/memory.ts'
import type { Storage } from '../storage/storage.ts'
import { listBackups } from './list-backups.ts'
import { initRepository } from './marker.ts'
import { openBackup } from './open-backup.ts'
import { alter, flipped, recordingContext, storeTestBackup } from './test-backup.ts'
import { verifyArtifacts } from './verify-artifacts.ts'
import { createBackupWriter } from './write-backup.ts'

const id = '20261125T030000Z-0001'
const later = '20261126T030000Z-0002'
const context = silentContext()

/** A manifest with other contents and a checksum that fits it: what a tool that writes both would leave. */
async function rewriteManifest(storage: Storage, change: (manifest: Record<string, unknown>) => unknown): Promise<void> {
  const path = `backups/${id}/manifest.json`
  await alter(storage, path, (bytes) => Buffer.from(JSON.stringify(change(JSON.parse(bytes.toString('utf8'))))))
  const chunks: Uint8Array[] = []
  for await (const chunk of storage.get(path)) chunks.push(chunk)
  const sum = createHash('sha256').update(Buffer.concat(chunks)).digest('hex')
  await alter(storage, `${path}.sha256`, () => Buffer.from(`${sum}  manifest.json\n`))
}

describe('opening', () => {
  test('latest is the newest finished backup, whatever is unfinished after it', async () => {
    const storage = memoryStorage()
    await storeTestBackup(storage, id)
    await storeTestBackup(storage, later)
    const unfinished = await createBackupWriter({ storage, context, id: '20261127T030000Z-0003' })
    await unfinished.component('kafka').write('a', Buffer.from('x'))
    expect((await openBackup(storage, 'latest')).id).toBe(later)
    expect((await openBackup(storage, '20261125')).id).toBe(id)
    await expect(openBackup(storage, '2026112')).rejects.toMatchObject({
      code: 'backup-not-found',
      message: `2026112 fits 2 backups: ${id}, ${later}`,
    })
    await expect(openBackup(storage, '20261127')).rejects.toMatchObject({
      code: 'backup-not-found',
      message: 'backup 20261127T030000Z-0003 never finished: it has no manifest',
    })
    await expect(openBackup(storage, '2020')).rejects.toMatchObject({ code: 'backup-not-found' })
    await expect(openBackup(storage, '')).rejects.toMatchObject({ code: 'backup-not-found' })
  })

  test('an empty place is not an empty repository', async () => {
    await expect(openBackup(memoryStorage(), 'latest')).rejects.toMatchObject({
      code: 'backup-not-found',
      message: 'no datapipe repository at memory:',
    })
    await expect(listBackups(memoryStorage())).rejects.toMatchObject({ code: 'backup-not-found' })
    const storage = memoryStorage()
    await initRepository(storage, context)
    await expect(openBackup(storage, 'latest')).rejects.toMatchObject({ message: 'the repository holds no finished backup yet' })
    expect(await listBackups(storage)).toEqual([])
  })

  test('a repository of a newer layout is refused', async () => {
    const storage = memoryStorage()
    await storage.put('datapipe.json', [Buffer.from('{"kind":"datapipe-repository","format":3}')])
    await expect(openBackup(storage, 'latest')).rejects.toMatchObject({ code: 'format-too-new' })
    await expect(initRepository(storage, context)).rejects.toMatchObject({ code: 'format-too-new' })
  })

  test.each([
    ['one bit of the manifest changed', `backups/${id}/manifest.json`, flipped],
    ['the manifest cut short', `backups/${id}/manifest.json`, (bytes: Buffer) => bytes.subarray(0, -10)],
    ['one bit of its checksum changed', `backups/${id}/manifest.json.sha256`, flipped],
  ])('%s: artifact-damaged', async (_what, path, change) => {
    const storage = memoryStorage()
    await storeTestBackup(storage, id)
    await alter(storage, path, change)
    await expect(openBackup(storage, id)).rejects.toMatchObject({ code: 'artifact-damaged' })
    expect(await listBackups(storage)).toMatchObject([{ id, state: 'damaged', components: ['kafka'], files: 4 }])
  })

  test('the checksum of the manifest is missing: artifact-missing, and the list shows it damaged', async () => {
    const storage = memoryStorage()
    await storeTestBackup(storage, id)
    await storage.remove(`backups/${id}/manifest.json.sha256`)
    await expect(openBackup(storage, id)).rejects.toMatchObject({ code: 'artifact-missing' })
    expect(await listBackups(storage)).toMatchObject([{ id, state: 'damaged' }])
  })

  test('a newer format is refused by number, and its other backups stay usable', async () => {
    const storage = memoryStorage()
    await storeTestBackup(storage, id)
    await storeTestBackup(storage, later)
    await rewriteManifest(storage, (manifest) => ({ ...manifest, format: 2, somethingNew: true }))
    await expect(openBackup(storage, id)).rejects.toMatchObject({
      code: 'format-too-new',
      message: `backup ${id} has format 2; this version knows up to 1`,
    })
    expect(await listBackups(storage)).toMatchObject([
      { id, state: 'too new' },
      { id: later, state: 'complete' },
    ])
    expect((await openBackup(storage, 'latest')).id).toBe(later)
  })

  test.each([
    ['an unknown key', (manifest: object) => ({ ...manifest, surprise: 1 }), 'surprise'],
    ['another id', (manifest: object) => ({ ...manifest, id: later }), later],
    [
      'a path that leads out',
      (manifest: object) => ({ ...manifest, artifacts: [{ path: '../../etc/passwd', component: 'kafka', bytes: 1, sha256: 'a'.repeat(64) }] }),
      'artifacts.0.path',
    ],
    ['a list', () => [], 'top level'],
  ])('a manifest with a fitting checksum but %s: artifact-damaged that says where', async (_what, change, where) => {
    const storage = memoryStorage()
    await storeTestBackup(storage, id)
    await rewriteManifest(storage, change)
    await expect(openBackup(storage, id)).rejects.toMatchObject({ code: 'artifact-damaged', message: expect.stringContaining(where) })
  })
})

describe('damaged artifacts', () => {
  const damages: [string, (bytes: Buffer) => Buffer | undefined, string][] = [
    ['one bit changed', flipped, 'artifact-damaged'],
    ['cut short by one byte', (bytes) => bytes.subarray(0, -1), 'artifact-damaged'],
    ['one byte too long', (bytes) => Buffer.concat([bytes, Buffer.from('x')]), 'artifact-damaged'],
    ['missing', () => undefined, 'artifact-missing'],
  ]
  test.each(damages)('%s: reading throws, verify names the file', async (_what, change, code) => {
    const storage = memoryStorage()
    const manifest = await storeTestBackup(storage, id)
    const path = `backups/${id}/kafka/orders/0`
    await alter(storage, path, change)
    const backup = await openBackup(storage, id)
    const artifact = manifest.artifacts[0] ?? expect.fail()
    await expect(backup.component('kafka').readAll(artifact)).rejects.toMatchObject({ code, path })
    await expect(
      (async () => {
        for await (const _chunk of backup.component('kafka').read(artifact));
      })(),
    ).rejects.toMatchObject({ code, path })
    const verdict = await verifyArtifacts(storage, manifest, context)
    expect(verdict.findings).toMatchObject([{ severity: 'harm', code, component: 'kafka', item: path }])
  })

  test('a wrong size is seen before the first byte is given', async () => {
    const storage = memoryStorage()
    const manifest = await storeTestBackup(storage, id)
    await alter(storage, `backups/${id}/kafka/orders/0`, (bytes) => bytes.subarray(1))
    const stream = (await openBackup(storage, id)).component('kafka').read(manifest.artifacts[0] ?? expect.fail())
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'artifact-damaged' })
  })

  test('a storage that gives other bytes than it holds is seen too', async () => {
    const inner = memoryStorage()
    const manifest = await storeTestBackup(inner, id)
    const storage = faultyStorage(inner, { spoil: (path, chunk) => (path.startsWith('wal/') ? flipped(Buffer.from(chunk)) : chunk) })
    const { findings } = await verifyArtifacts(storage, manifest, context)
    expect(findings).toMatchObject([{ code: 'artifact-damaged', component: 'postgres', item: 'wal/1/000000010000000000000001' }])
  })

  test('an intact backup has no finding, and progress ends at its total', async () => {
    const storage = memoryStorage()
    const manifest = await storeTestBackup(storage, id)
    const { events, context: recording } = recordingContext()
    expect(await verifyArtifacts(storage, manifest, recording)).toEqual({ files: 3, bytes: 300_016, findings: [] })
    expect(events.at(-1)).toEqual({ type: 'progress', task: 'checksums', done: 300_016, total: 300_016, unit: 'bytes' })
  })

  test('a file that the manifest does not list is a note, no harm', async () => {
    const storage = memoryStorage()
    const manifest = await storeTestBackup(storage, id)
    await storage.put(`backups/${id}/kafka/stray`, [Buffer.from('x')])
    expect((await verifyArtifacts(storage, manifest, context)).findings).toMatchObject([
      { severity: 'note', code: 'file-unlisted', component: 'kafka' },
    ])
  })

  test('a storage that does not work is an error, not a finding', async () => {
    const inner = memoryStorage()
    const manifest = await storeTestBackup(inner, id)
    const storage = faultyStorage(inner, { before: (operation) => (operation === 'get' ? new Error('disk on fire') : undefined) })
    await expect(verifyArtifacts(storage, manifest, context)).rejects.toThrow('disk on fire')
  })
})

test('the list: sizes, shared WAL apart, gaps and labels shown, unfinished ones too', async () => {
  const storage = memoryStorage()
  await storeTestBackup(storage, id, { label: 'before the move' })
  await storeTestBackup(storage, later, { complete: false })
  const unfinished = await createBackupWriter({ storage, context, id: '20261127T030000Z-0003' })
  await unfinished.component('registry').write('subjects.json', Buffer.from('{}'))
  expect(await listBackups(storage)).toMatchObject([
    { id, state: 'complete', label: 'before the move', components: ['kafka'], files: 2, bytes: 200_016, sharedBytes: 100_000 },
    { id: later, state: 'incomplete', recoveryPoint: { kind: 'no-connector' } },
    { id: '20261127T030000Z-0003', state: 'unfinished', startedAt: '2026-11-27T03:00:00.000Z', components: ['registry'], files: 1, bytes: 2 },
  ])
})

test('a backup of format 1, kept as it was written, is still read', async () => {
  const storage = localStorage(join(import.meta.dirname, '../../fixtures/backups/format-1'))
  const { manifest } = await openBackup(storage, 'latest')
  expect(manifest).toMatchObject({ format: 1, id, label: 'fixture', recoveryPoint: { kind: 'barrier', postgres: { lsn: '0/16B3748' } } })
  expect((await verifyArtifacts(storage, manifest, context)).findings).toEqual([])
})
