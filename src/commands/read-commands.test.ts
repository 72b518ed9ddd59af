import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { configSchema } from '../base/config.ts'
import { silentContext } from '../base/context.ts'
import { localStorage } from '../storage/local.ts'
import { alter, flipped, manifestOf, storeTestBackup } from '../repository/test-backup.ts'
import { createBackupWriter } from '../repository/write-backup.ts'
import { initRepository } from '../repository/marker.ts'
import { memoryStorage } from '../storage/memory.ts'
import { standsAlone } from './backup/stands-alone.ts'
import { follow } from './follow.ts'
import { list } from './list.ts'
import { show } from './show.ts'
import { verify } from './verify.ts'

const id = '20261125T030000Z-0001'
const context = silentContext()
const fixture = join(import.meta.dirname, '../../fixtures/backups/format-1')

const directories: string[] = []
afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true })
})

/** A copy of the stored backup of format 1, to be spoilt at will. */
async function copied() {
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-commands-'))
  directories.push(directory)
  await cp(fixture, directory, { recursive: true })
  const config = configSchema.parse({ repository: { url: pathToFileURL(directory).href } })
  return { directory, config, storage: localStorage(directory) }
}

test('list and show a backup that was kept since format 1', async () => {
  const { config } = await copied()
  expect((await list({ config }, context)).backups).toMatchObject([
    { id, state: 'complete', label: 'fixture', components: ['kafka', 'registry', 'connect'] },
  ])
  expect(await show({ config, backup: 'latest' }, context)).toMatchObject({
    exitCode: 0,
    backup: { id, recoveryPoint: { postgres: { lsn: '0/16B3748' } } },
    kafka: { topics: [{ name: 'orders', kind: 'cdc', partitions: 1, records: 1n, bytes: 81 }], groups: ['billing'] },
    registry: { kind: 'confluent', ids: 1, routes: ['rest-import'] },
    connect: { connectors: [{ name: 'cdc', secrets: ['database.password'] }] },
    phases: [{ name: 'barrier', seconds: 0.8 }],
  })
})

test('verify: an intact backup ends with 0, notes do no harm', async () => {
  const { config } = await copied()
  const { exitCode, backups } = await verify({ config }, context)
  expect([exitCode, backups[0]?.verdict, backups[0]?.files]).toEqual([0, 'intact', 4])
  expect(backups[0]?.findings).toMatchObject([{ severity: 'note', code: 'secret-to-supply' }])
})

describe('verify: damage ends with 20 and names the file', () => {
  const batches = `backups/${id}/kafka/topics/orders/0/00000000000000000000.batches`
  const segment = 'wal/7301/00000001/000000010000000000000001.zst'
  test.each([
    ['a bit of a record batch', batches, flipped, { component: 'kafka', code: 'artifact-damaged', item: batches }],
    ['a batch file cut short', batches, (bytes: Buffer) => bytes.subarray(0, -1), { component: 'kafka', code: 'artifact-damaged', item: batches }],
    ['a batch file missing', batches, () => undefined, { component: 'kafka', code: 'artifact-missing', item: batches }],
    ['a bit of a file that no component reads', segment, flipped, { component: 'postgres', code: 'artifact-damaged', item: segment }],
    ['registry.json missing', `backups/${id}/registry/registry.json`, () => undefined, { component: 'registry', code: 'artifact-missing' }],
    ['a bit of connectors.json', `backups/${id}/connect/connectors.json`, flipped, { component: 'connect', code: 'artifact-damaged' }],
  ])('%s', async (_what, path, change, finding) => {
    const { config, storage } = await copied()
    await alter(storage, path, change)
    const { exitCode, backups } = await verify({ config, backup: id }, context)
    expect([exitCode, backups[0]?.verdict]).toEqual([20, 'damaged'])
    const harm = backups[0]?.findings.filter(({ severity }) => severity === 'harm')
    expect(harm).toHaveLength(1)
    expect(harm).toMatchObject([{ ...finding, message: expect.stringContaining(path) }])
  })

  test('a manifest that cannot be trusted', async () => {
    const { config, storage } = await copied()
    await alter(storage, `backups/${id}/manifest.json`, flipped)
    expect(await verify({ config }, context)).toMatchObject({
      exitCode: 20,
      backups: [{ id, verdict: 'damaged', reason: expect.stringContaining('sha256') }],
    })
  })
})

test('verify: an id that records carry and the registry part lacks is harm', async () => {
  const { directory, config, storage } = await copied()
  const path = join(directory, 'backups', id, 'manifest.json')
  const manifest = JSON.parse(await readFile(path, 'utf8'))
  await storage.remove(`backups/${id}/manifest.json`)
  const later = '20261126T030000Z-0002'
  const writer = await createBackupWriter({ storage, context, id: later })
  const registry = JSON.parse(await readFile(join(directory, 'backups', id, 'registry/registry.json'), 'utf8'))
  registry.versions[0].id = 8
  const stored = await writer.component('registry').write('registry.json', Buffer.from(JSON.stringify(registry)))
  const batches = await readFile(join(directory, manifest.components.kafka.topics[0].partitions[0].artifacts[0].path))
  const kafka = await writer.component('kafka').write('x.batches', batches)
  manifest.components.kafka.topics[0].partitions[0].artifacts[0].path = kafka.path
  manifest.components.registry.ids[0].id = 8
  manifest.components.registry.artifacts.snapshot = stored.path
  const { kafka: kafkaPart, registry: registryPart } = manifest.components
  await writer.commit(manifestOf(writer, { components: { kafka: kafkaPart, registry: registryPart } }))
  const { exitCode, backups } = await verify({ config }, context)
  expect(exitCode).toBe(20)
  expect(backups[0]?.findings).toMatchObject([
    { severity: 'harm', code: 'schema-missing', item: 'orders/0/0', message: expect.stringContaining('schema id 7') },
  ])
})

test('verify --all: one damaged backup does not hide the others; a too new one alone cannot be told', async () => {
  const { directory, config, storage } = await copied()
  const later = '20261126T030000Z-0002'
  await storeTestBackup(storage, later, { components: {} })
  expect(await verify({ config, all: true }, context)).toMatchObject({ exitCode: 0, backups: [{ verdict: 'intact' }, { verdict: 'intact' }] })

  const path = join(directory, 'backups', later, 'manifest.json')
  const bytes = Buffer.from((await readFile(path, 'utf8')).replace('"format": 1', '"format": 2'))
  const { createHash } = await import('node:crypto')
  await writeFile(path, bytes)
  await writeFile(`${path}.sha256`, `${createHash('sha256').update(bytes).digest('hex')}  manifest.json\n`)
  expect(await verify({ config, all: true }, context)).toMatchObject({
    exitCode: 21,
    backups: [{ verdict: 'intact' }, { id: later, verdict: 'too new' }],
  })

  await alter(storage, `backups/${id}/manifest.json`, flipped)
  expect(await verify({ config, all: true }, context)).toMatchObject({ exitCode: 20, backups: [{ id, verdict: 'damaged' }, { verdict: 'too new' }] })
})

test('verify without a backup is an error, not success', async () => {
  const { config, storage } = await copied()
  await storage.remove(`backups/${id}/manifest.json`)
  await expect(verify({ config, all: true }, context)).rejects.toMatchObject({ code: 'backup-not-found' })
  await expect(verify({ config, backup: id }, context)).rejects.toMatchObject({
    code: 'backup-not-found',
    message: expect.stringContaining('never finished'),
  })
})

test('in a repository of layout 1 a backup stands alone, and nothing follows into it', async () => {
  const { config, storage } = await copied()
  const messages: string[] = []
  const listening = silentContext({ emit: (event) => void (event.type === 'log' && messages.push(event.message)) })
  expect(standsAlone(await initRepository(storage, context), listening)).toBe(true)
  expect(messages).toEqual([expect.stringContaining('layout 1')])
  await expect(follow({ config }, context)).rejects.toMatchObject({ code: 'not-supported', message: expect.stringContaining('layout 1') })
  expect(standsAlone(await initRepository(memoryStorage(), context), listening)).toBe(false)
})
