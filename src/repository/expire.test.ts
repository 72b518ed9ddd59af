import { describe, expect, test } from 'vitest'
import { silentContext } from '../base/context.ts'
import { faultyStorage } from '../storage/faulty.ts'
import { memoryStorage } from '../storage/memory.ts'
import type { Storage } from '../storage/storage.ts'
import { expire, planExpiry } from './expire.ts'
import { listBackups } from './list-backups.ts'
import { initRepository } from './marker.ts'
import { pathsUnder } from './notes.ts'
import { openBackup } from './open-backup.ts'
import { alter, flipped, manifestOf } from './test-backup.ts'
import { discardUnfinished, resumeUnfinished } from './unfinished.ts'
import { verifyArtifacts } from './verify-artifacts.ts'
import { createBackupWriter } from './write-backup.ts'

const context = silentContext()
const day = (number: number) => `2026110${number}T030000Z-000${number}`
const now = new Date('2026-11-06T00:00:00Z')

/** Five backups: each stores a file and a WAL segment of its own and needs those of the one before; the fourth has gaps. */
async function chain(): Promise<Storage> {
  const storage = memoryStorage()
  await initRepository(storage, context)
  for (let number = 1; number <= 5; number++) {
    const writer = await createBackupWriter({ storage, context, id: day(number) })
    if (number > 1) {
      const { manifest } = await openBackup(storage, day(number - 1))
      await writer.component('kafka').refer(manifest.artifacts.filter(({ path }) => path.startsWith(`backups/${day(number - 1)}/`)))
      await writer.component('postgres').refer(manifest.artifacts.filter(({ path }) => path.startsWith(`wal/1/${number - 1}`)))
    }
    await writer.component('kafka').write('topic', Buffer.from(`records ${number}`))
    await writer.component('postgres').writeShared(`wal/1/${number}`, Buffer.from(`segment ${number}`))
    await writer.commit(manifestOf(writer, { finishedAt: `2026-11-0${number}T03:01:00.000Z`, complete: number !== 4 }))
  }
  return storage
}

const files = (storage: Storage) => pathsUnder(storage, '')
const ids = (entries: { id: string }[]) => entries.map(({ id }) => id)

async function allIntact(storage: Storage): Promise<void> {
  for (const { id, state } of await listBackups(storage)) {
    if (state === 'unfinished') continue
    const { manifest } = await openBackup(storage, id)
    expect((await verifyArtifacts(storage, manifest, context)).findings.filter(({ severity }) => severity === 'harm')).toEqual([])
  }
}

describe('which backups stay', () => {
  test.each([
    [{ last: 2 }, [4, 5]],
    [{ last: 9 }, [1, 2, 3, 4, 5]],
    [{ days: 3 }, [3, 4, 5]],
    [{ days: 1 }, [5]],
    [{ last: 1, days: 3 }, [3, 4, 5]],
  ])('%j keeps %j', async (policy, kept) => {
    const { keep, remove } = await planExpiry(await chain(), policy, now)
    expect(ids(keep)).toEqual(kept.map(day))
    expect(ids(remove)).toEqual([1, 2, 3, 4, 5].filter((number) => !kept.includes(number)).map(day))
  })

  test('the newest complete one stays although newer ones with gaps fill the number', async () => {
    const storage = await chain()
    const last = await openBackup(storage, day(5))
    for (const path of [`backups/${day(5)}/manifest.json`, `backups/${day(5)}/manifest.json.sha256`]) await storage.remove(path)
    const writer = await createBackupWriter({ storage, context, id: day(6) })
    await writer.commit({ ...last.manifest, id: day(6), complete: false, artifacts: [] })
    expect(ids((await planExpiry(storage, { last: 1 }, now)).keep)).toEqual([day(3), day(6)])
  })
})

test('files that a remaining backup needs stay, whoever stored them; all others go, WAL too', async () => {
  const storage = await chain()
  const plan = await planExpiry(storage, { last: 2 }, now)
  await expire(storage, plan, context)
  expect(ids(await listBackups(storage))).toEqual([day(4), day(5)])
  const left = await files(storage)
  expect(left.filter((path) => path.includes('/kafka/'))).toEqual([3, 4, 5].map((number) => `backups/${day(number)}/kafka/topic`))
  expect(left.filter((path) => path.startsWith('wal/'))).toEqual([3, 4, 5].map((number) => `wal/1/${number}`))
  expect(left.filter((path) => path.endsWith('expired.json'))).toEqual([`backups/${day(3)}/expired.json`])
  await allIntact(storage)
  await expect(openBackup(storage, day(3))).rejects.toMatchObject({ code: 'backup-not-found', message: expect.stringContaining('was removed') })
  await expire(storage, await planExpiry(storage, { last: 1 }, now), context)
  expect((await files(storage)).filter((path) => path.startsWith(`backups/${day(3)}`))).toEqual([])
  await allIntact(storage)
})

test('a run that dies before any one of its changes leaves every remaining backup whole, and the next run ends as if it had not', async () => {
  const whole = await chain()
  await expire(whole, await planExpiry(whole, { last: 2 }, now), context)
  const changes = 5 * 3 + 3
  for (let dieAt = 0; dieAt < changes; dieAt++) {
    const inner = await chain()
    let count = 0
    const dying = faultyStorage(inner, {
      before: (operation) => ((operation === 'remove' || operation === 'put') && count++ === dieAt ? new Error('killed') : undefined),
    })
    await expire(dying, await planExpiry(inner, { last: 2 }, now), context).catch(() => {})
    await allIntact(inner)
    expect(ids(await listBackups(inner))).toEqual(expect.arrayContaining([day(4), day(5)]))
    expect(await resumeUnfinished(inner, context)).toBeUndefined()
    await expire(inner, await planExpiry(inner, { last: 2 }, now), context)
    expect(await files(inner)).toEqual(await files(whole))
  }
})

test('an unfinished backup is not touched, nor WAL that its notes name', async () => {
  const storage = await chain()
  const writer = await createBackupWriter({ storage, context, id: day(6) })
  const segment = await writer.component('postgres').writeShared('wal/1/6', Buffer.from('segment 6'))
  await writer.component('postgres').remember('segment', 6, [segment])
  await expire(storage, await planExpiry(storage, { last: 1 }, now), context)
  expect((await files(storage)).filter((path) => path.startsWith(`backups/${day(6)}`) || path === 'wal/1/6')).toHaveLength(2)
  expect((await resumeUnfinished(storage, context))?.artifacts()).toEqual([segment])
})

test('with one unreadable manifest nothing is removed: nobody knows what it needs', async () => {
  const storage = await chain()
  await alter(storage, `backups/${day(2)}/manifest.json`, flipped)
  const before = await files(storage)
  await expect(planExpiry(storage, { last: 1 }, now)).rejects.toMatchObject({ code: 'artifact-damaged', message: expect.stringContaining(day(2)) })
  expect(await files(storage)).toEqual(before)
})

test('a manifest removed by hand does not make an unfinished backup of what later ones need', async () => {
  const storage = await chain()
  for (const name of ['manifest.json', 'manifest.json.sha256']) await storage.remove(`backups/${day(4)}/${name}`)
  expect(await resumeUnfinished(storage, context)).toBeUndefined()
  expect(await discardUnfinished(storage, context)).toEqual([])
  await allIntact(storage)
})
