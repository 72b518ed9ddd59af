import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { silentContext } from '../base/context.ts'
import { localStorage } from '../storage/local.ts'
import { memoryStorage } from '../storage/memory.ts'
import type { Storage } from '../storage/storage.ts'
import { lockRepository, lockShard } from './lock.ts'
import { initRepository } from './marker.ts'
import { pathsUnder } from './notes.ts'
import { openBackup } from './open-backup.ts'
import { processBirth } from './process-birth.ts'
import { manifestOf, recordingContext } from './test-backup.ts'
import { resumeUnfinished } from './unfinished.ts'

const context = silentContext()

async function putLock(storage: Storage, changes: object): Promise<void> {
  const owner = { token: 't1', command: 'backup', host: hostname(), pid: deadPid(), since: '2026-11-25T03:00:00.000Z', ...changes }
  await storage.put('lock.json', [Buffer.from(JSON.stringify(owner))])
}

/** The pid of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid
}

test('a second run is refused with the name of the first, and may begin once it is done', async () => {
  const storage = memoryStorage()
  const lock = await lockRepository(storage, 'backup', silentContext({ now: () => new Date('2026-11-25T03:00:00Z') }))
  await expect(lockRepository(storage, 'expire', context)).rejects.toMatchObject({
    code: 'locked',
    path: 'lock.json',
    message: `the repository is in use by datapipe backup (pid ${process.pid} on ${hostname()}, since 2026-11-25T03:00:00.000Z)`,
  })
  await lock[Symbol.asyncDispose]()
  await (await lockRepository(storage, 'expire', context))[Symbol.asyncDispose]()
  expect(await pathsUnder(storage, '')).toEqual([])
})

test('the lock of a dead process on this host is taken over, with a warning', async () => {
  const storage = memoryStorage()
  await putLock(storage, {})
  const { events, context: recording } = recordingContext()
  await using _lock = await lockRepository(storage, 'backup', recording)
  expect(events).toMatchObject([{ type: 'log', level: 'warning', message: expect.stringContaining('taking over the lock of datapipe backup') }])
  expect(await pathsUnder(storage, '')).toEqual(['lock.json'])
})

test('a pid that another process has by now does not keep a dead lock alive', async ({ skip }) => {
  const birth = await processBirth(process.pid)
  if (birth === undefined) skip('this system has no /proc')
  const storage = memoryStorage()
  await putLock(storage, { pid: process.pid, birth: `${birth}0` })
  await using _lock = await lockRepository(storage, 'backup', context)
  expect(await pathsUnder(storage, '')).toEqual(['lock.json'])
})

test('an owner on another host counts as alive; the hint says which file to remove when it is not', async () => {
  const storage = memoryStorage()
  await putLock(storage, { host: 'elsewhere' })
  await expect(lockRepository(storage, 'backup', context)).rejects.toMatchObject({
    code: 'locked',
    hint: expect.stringContaining('remove lock.json'),
  })
})

test('of many runs that see the same dead lock exactly one gets it', async () => {
  for (let round = 0; round < 20; round++) {
    const storage = memoryStorage()
    await putLock(storage, {})
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockRepository(storage, 'backup', context)))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'locked' })
    expect(await pathsUnder(storage, '')).toEqual(['lock.json'])
  }
})

test('a dead lock that another run has replaced meanwhile is left alone', async () => {
  const inner = memoryStorage()
  await putLock(inner, {})
  let winner: AsyncDisposable | undefined
  // Between this run's look at the dead lock and its takeover another run takes over from beginning to end.
  const storage: Storage = {
    ...inner,
    async *get(path, range) {
      yield* inner.get(path, range)
      winner ??= await lockRepository(inner, 'expire', context)
    },
  }
  await expect(lockRepository(storage, 'backup', context)).rejects.toMatchObject({
    code: 'locked',
    message: expect.stringContaining('datapipe expire'),
  })
  expect(await pathsUnder(inner, '')).toEqual(['lock.json'])
  await winner?.[Symbol.asyncDispose]()
  expect(await pathsUnder(inner, '')).toEqual([])
})

test('a run that died in the middle of a takeover blocks nobody', async () => {
  const storage = memoryStorage()
  await putLock(storage, {})
  const dead = { token: 't2', command: 'backup', host: hostname(), pid: deadPid(), since: '2026-11-25T03:00:01.000Z' }
  await storage.put('lock-takeover-t1.json', [Buffer.from(JSON.stringify(dead))])
  await using _lock = await lockRepository(storage, 'backup', context)
  expect(await pathsUnder(storage, '')).toEqual(['lock.json'])
})

test('a lock that somebody else holds by now is not released', async () => {
  const storage = memoryStorage()
  const lock = await lockRepository(storage, 'backup', context)
  await storage.remove('lock.json')
  await putLock(storage, { pid: process.pid })
  await lock[Symbol.asyncDispose]()
  expect(await storage.exists('lock.json')).toBe(true)
})

test('a backup that is killed in the middle of a write leaves no manifest; the next run takes the lock and its finished work over', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-killed-'))
  try {
    const child = spawn(process.execPath, ['--input-type=module', '-e', backupProgram, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended

    const storage = localStorage(directory)
    const { events, context: recording } = recordingContext()
    await using _lock = await lockRepository(storage, 'backup', recording)
    const writer = (await resumeUnfinished(storage, recording)) ?? expect.fail('nothing to go on with')
    expect(writer.id).toBe('20261125T030000Z-0001')
    expect(writer.component('kafka').notes()).toMatchObject([{ key: 'orders', note: { end: '42' } }])
    expect(events.map((event) => (event.type === 'log' ? event.message : event.type))).toEqual([
      expect.stringContaining('taking over the lock of datapipe backup'),
      'removed 1 unfinished file of a killed run',
      'going on with the unfinished backup 20261125T030000Z-0001: 1 file taken over',
    ])
    await writer.component('kafka').write('payments', Buffer.from('second try'))
    await writer.commit(manifestOf(writer))
    const backup = await openBackup(storage, 'latest')
    expect(backup.component('kafka').artifacts.map(({ path }) => path)).toEqual([
      'backups/20261125T030000Z-0001/kafka/orders',
      'backups/20261125T030000Z-0001/kafka/payments',
    ])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

/** Locks, stores and remembers one file, stores another without remembering it, and stalls in the middle of a third. */
const backupProgram = `
  const from = (path) => import(new URL(path, ${JSON.stringify(import.meta.url)}).href)
  const { silentContext } = await from('../base/context.ts')
  const { localStorage } = await from('../storage/local.ts')
  const { lockRepository } = await from('./lock.ts')
  const { initRepository } = await from('./marker.ts')
  const { createBackupWriter } = await from('./write-backup.ts')
  const context = silentContext()
  const storage = localStorage(process.argv[1])
  await initRepository(storage, context)
  await lockRepository(storage, 'backup', context)
  const writer = await createBackupWriter({ storage, context, id: '20261125T030000Z-0001' })
  const kafka = writer.component('kafka')
  await kafka.remember('orders', { end: '42' }, [await kafka.write('orders', Buffer.from('first try'))])
  await kafka.write('forgotten', Buffer.from('x'))
  async function* source() {
    for (let i = 0; i < 4; i++) yield Buffer.alloc(1 << 20)
    process.stdout.write('stalled')
    await new Promise((resolve) => setTimeout(resolve, 60_000))
  }
  await kafka.write('payments', source())
`

test('the marker of two first runs at once is one', async () => {
  const storage = memoryStorage()
  await Promise.all([initRepository(storage, context), initRepository(storage, context)])
  expect(await pathsUnder(storage, '')).toEqual(['datapipe.json'])
})

test('shards are stored side by side, each by one run; nobody locks the repository meanwhile, and none begins while somebody has', async () => {
  const storage = memoryStorage()
  const id = '20261125T030000Z-0001'
  const first = await lockShard(storage, { id, shard: 1 }, context)
  const second = await lockShard(storage, { id, shard: 2 }, context)
  await expect(lockShard(storage, { id, shard: 1 }, context)).rejects.toMatchObject({ code: 'locked', message: expect.stringContaining('--shard 1') })
  await expect(lockRepository(storage, 'expire', context)).rejects.toMatchObject({ code: 'locked', message: expect.stringContaining('--shard 1') })
  await first[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
  const lock = await lockRepository(storage, 'expire', context)
  await expect(lockShard(storage, { id, shard: 1 }, context)).rejects.toMatchObject({ code: 'locked', message: expect.stringContaining('expire') })
  await lock[Symbol.asyncDispose]()
  expect(await pathsUnder(storage, '')).toEqual([])
})

test('the lock of a shard whose run is gone is removed', async () => {
  const storage = memoryStorage()
  const path = 'lock-shard-20261125T030000Z-0001-1.json'
  const owner = { token: 't1', command: 'backup', host: hostname(), pid: deadPid(), since: '2026-11-25T03:00:00.000Z' }
  await storage.put(path, [Buffer.from(JSON.stringify(owner))])
  await (await lockRepository(storage, 'expire', context))[Symbol.asyncDispose]()
  expect(await pathsUnder(storage, '')).toEqual([])
})
