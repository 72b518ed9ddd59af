import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { z } from 'zod'
import type { Context } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import { stringifyJson } from '../base/lossless-json.ts'
import type { Storage } from '../storage/storage.ts'
import { lockPath, shardLockPath, shardLocksPrefix } from './layout.ts'
import { pathsUnder } from './notes.ts'
import { isRunning, processBirth } from './process-birth.ts'
import { parseStored, readBytes } from './read-json.ts'

const ownerSchema = z.strictObject({
  token: z.string(),
  command: z.string(),
  host: z.string(),
  pid: z.number().int().positive(),
  /** Tells a process from a later one with the same pid; absent where the system does not say. */
  birth: z.string().optional(),
  since: z.string(),
})
type Owner = z.infer<typeof ownerSchema>

/** Held until disposed. */
export type Lock = AsyncDisposable

/**
 * Keeps every other writing run out of the repository until disposed. The lock of a run that died on this host is taken over, and
 * what it left of unfinished writes is swept.
 * Throws `locked`, naming the owner.
 */
export async function lockRepository(storage: Storage, command: string, context: Context): Promise<Lock> {
  const owner = await thisRun(command, context)
  await acquire(storage, lockPath, owner, context)
  await refuseShards(storage, owner)
  const swept = await storage.sweep()
  if (swept > 0) context.emit({ type: 'log', level: 'info', message: `removed ${swept} unfinished file${swept === 1 ? '' : 's'} of a killed run` })
  return { [Symbol.asyncDispose]: () => release(storage, lockPath, owner) }
}

/**
 * Held by whoever stores one shard of a backup, beside those who store the others: while there is one, nobody can lock the repository, and
 * while somebody holds that, no shard can begin. Throws `locked`, naming the owner.
 */
export async function lockShard(storage: Storage, { id, shard }: { id: string; shard: number }, context: Context): Promise<Lock> {
  const owner = await thisRun(`backup --shard ${shard} of ${id}`, context)
  const path = shardLockPath(id, shard)
  await acquire(storage, path, owner, context)
  const holder = await readOwner(storage, lockPath)
  if (holder !== undefined && !(await isDead(holder))) {
    await release(storage, path, owner)
    throw locked(storage, lockPath, holder)
  }
  return { [Symbol.asyncDispose]: () => release(storage, path, owner) }
}

/** Locks of shards whose runs are gone are removed. */
async function refuseShards(storage: Storage, owner: Owner): Promise<void> {
  for (const path of await pathsUnder(storage, shardLocksPrefix)) {
    const holder = await readOwner(storage, path)
    if (holder === undefined) continue
    if (await isDead(holder)) {
      await storage.remove(path)
      continue
    }
    await release(storage, lockPath, owner)
    throw locked(storage, path, holder)
  }
}

async function thisRun(command: string, context: Context): Promise<Owner> {
  const birth = await processBirth(process.pid)
  return {
    token: randomUUID(),
    command,
    host: hostname(),
    pid: process.pid,
    ...(birth === undefined ? {} : { birth }),
    since: context.now().toISOString(),
  }
}

/**
 * A put that never overwrites is the lock. A dead owner's lock may be replaced only by whoever holds the takeover lock named after
 * that owner's token, and only while the dead owner's is still there: otherwise two runs that both saw it dead would remove each other's.
 * The takeover lock is got by the same rule, so a run that dies in the middle of a takeover blocks nobody.
 */
async function acquire(storage: Storage, path: string, owner: Owner, context: Context): Promise<void> {
  for (;;) {
    if (await putOwner(storage, path, owner)) return
    const holder = await readOwner(storage, path)
    if (holder === undefined) continue
    if (!(await isDead(holder))) throw locked(storage, path, holder)
    const takeover = `lock-takeover-${holder.token}.json`
    await acquire(storage, takeover, owner, context)
    try {
      if ((await readOwner(storage, path))?.token === holder.token) {
        context.emit({ type: 'log', level: 'warning', message: `taking over the lock of ${describeOwner(holder)}, which is gone` })
        await storage.remove(path)
      }
    } finally {
      await release(storage, takeover, owner)
    }
  }
}

async function putOwner(storage: Storage, path: string, owner: Owner): Promise<boolean> {
  if (await storage.exists(path)) return false
  try {
    await storage.put(path, [Buffer.from(`${stringifyJson(owner, 2)}\n`)])
    return true
  } catch (error) {
    if (await storage.exists(path)) return false
    throw error
  }
}

async function readOwner(storage: Storage, path: string): Promise<Owner | undefined> {
  try {
    return parseStored(ownerSchema, (await readBytes(storage, path)).toString('utf8'), path)
  } catch (error) {
    if (error instanceof DatapipeError && error.code === 'artifact-missing') return undefined
    throw error
  }
}

async function release(storage: Storage, path: string, owner: Owner): Promise<void> {
  if ((await readOwner(storage, path))?.token === owner.token) await storage.remove(path)
}

/** Only this host can tell; the owner on another host counts as alive. */
async function isDead(owner: Owner): Promise<boolean> {
  return owner.host === hostname() && !(await isRunning(owner.pid, owner.birth))
}

function describeOwner(owner: Owner): string {
  return `datapipe ${owner.command} (pid ${owner.pid} on ${owner.host}, since ${owner.since})`
}

function locked(storage: Storage, path: string, owner: Owner): DatapipeError {
  const elsewhere = owner.host !== hostname()
  return new DatapipeError('locked', `the repository is in use by ${describeOwner(owner)}`, {
    path,
    hint: elsewhere ? `wait for it; when that run is surely gone, remove ${path} from ${storage.url}` : 'wait for it, or end that process',
  })
}
