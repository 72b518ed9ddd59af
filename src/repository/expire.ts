import type { Context } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import type { Storage } from '../storage/storage.ts'
import { backupPrefix, backupsPrefix, expiredPath, manifestPath, manifestSumPath, sharedPrefix, storedBy } from './layout.ts'
import { listIds } from './list-ids.ts'
import type { Manifest } from './manifest.ts'
import { pathsUnder, takenFiles } from './notes.ts'
import { readManifest } from './read-manifest.ts'
import { waitingPlans } from './waiting-plans.ts'
import { expiredMark } from './unfinished.ts'

/** What to keep; a backup that one of them keeps stays. */
export interface KeepPolicy {
  /** The newest so many. */
  last?: number
  /** Those that finished in the last so many days. */
  days?: number
}

export interface ExpirePlan {
  /** Oldest first. */
  keep: { id: string; finishedAt: string }[]
  remove: { id: string; finishedAt: string }[]
  /** Files that no backup needs any more once those are gone, what an interrupted expiry has left included. */
  files: { path: string; bytes: number }[]
}

/**
 * Which backups go by the policy, and which files no other needs then. The newest complete backup always stays. Writes nothing. Throws
 * `artifact-damaged` or `format-too-new` for a manifest that cannot be read: nobody knows which files that backup needs.
 */
export async function planExpiry(storage: Storage, policy: KeepPolicy, now: Date): Promise<ExpirePlan> {
  const manifests: Manifest[] = []
  const ids = await listIds(storage)
  for (const { id, state } of ids) if (state === 'finished') manifests.push(await readable(storage, id))
  const plans = await waitingPlans(storage)
  // What the shards of a planned backup go on from must be there when they do.
  const kept = new Set([...keptBy(policy, manifests, now), ...plans.flatMap(({ previous }) => previous ?? [])])
  const needed = new Set<string>()
  for (const { id, artifacts } of manifests) {
    if (!kept.has(id)) continue
    for (const path of [manifestPath(id), manifestSumPath(id), ...artifacts.map((artifact) => artifact.path)]) needed.add(path)
  }
  const gone = new Set(ids.filter(({ id, state }) => state === 'removed' || (state === 'finished' && !kept.has(id))).map(({ id }) => id))
  const unfinished = ids.filter(({ state }) => state === 'unfinished')
  for (const { id } of unfinished) for (const path of await takenFiles(storage, id)) needed.add(path)
  for (const { files } of plans) for (const path of files) needed.add(path)
  const files: ExpirePlan['files'] = []
  for (const prefix of [backupsPrefix, sharedPrefix]) {
    for await (const file of storage.list(prefix)) {
      const owner = storedBy(file.path)
      const expendable = owner === undefined ? prefix === sharedPrefix : gone.has(owner) && file.path !== expiredPath(owner)
      if (expendable && !needed.has(file.path)) files.push(file)
    }
  }
  const named = (wanted: boolean) => manifests.filter(({ id }) => kept.has(id) === wanted).map(({ id, finishedAt }) => ({ id, finishedAt }))
  return { keep: named(true), remove: named(false), files }
}

/**
 * Does what the plan says; the repository must be locked. A backup is marked, then its manifest goes, then its checksum: from that moment it
 * is none. Files go only when all manifests have: a run that is killed in between leaves files that nobody needs, and the next one removes
 * them.
 */
export async function expire(storage: Storage, plan: ExpirePlan, context: Context): Promise<void> {
  for (const { id } of plan.remove) {
    if (!(await storage.exists(expiredPath(id)))) await storage.put(expiredPath(id), [expiredMark(context.now())])
    await storage.remove(manifestPath(id))
    await storage.remove(manifestSumPath(id))
  }
  let done = 0
  for (const { path } of plan.files) {
    // Asked between two files, where an interruption leaves what a kill leaves.
    if (context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while removing files that nobody needs: the next run goes on')
    await storage.remove(path)
    context.emit({ type: 'progress', task: 'remove files', done: ++done, total: plan.files.length, unit: 'items' })
  }
  for (const { id, state } of await listIds(storage)) {
    if (state === 'removed' && (await pathsUnder(storage, backupPrefix(id))).length === 1) await storage.remove(expiredPath(id))
  }
}

async function readable(storage: Storage, id: string): Promise<Manifest> {
  try {
    return await readManifest(storage, id)
  } catch (error) {
    if (!(error instanceof DatapipeError) || error.code === 'storage-failed') throw error
    throw new DatapipeError(error.code, `nothing can be removed, because nobody knows which files backup ${id} needs: ${error.message}`, {
      path: manifestPath(id),
      hint: `when that backup is given up, remove ${manifestPath(id)}: the next expiry then takes the rest`,
      cause: error,
    })
  }
}

function keptBy({ last, days }: KeepPolicy, manifests: Manifest[], now: Date): string[] {
  const since = days === undefined ? undefined : new Date(now.getTime() - days * 86_400_000).toISOString()
  return [
    ...(last === undefined ? [] : manifests.slice(-last)),
    ...manifests.filter(({ finishedAt }) => since !== undefined && finishedAt >= since),
    ...manifests.filter(({ complete }) => complete).slice(-1),
    // With gaps in all of them the newest is the best there is.
    ...manifests.slice(-1),
  ].map(({ id }) => id)
}
