import type { Context } from '../base/context.ts'
import { stringifyJson } from '../base/lossless-json.ts'
import type { Storage } from '../storage/storage.ts'
import { backupPrefix, expiredPath, notesPrefix } from './layout.ts'
import { listIds } from './list-ids.ts'
import { isNeeded, neededFiles } from './needed-files.ts'
import { pathsUnder, takeNotes } from './notes.ts'
import { type BackupWriter, createBackupWriter } from './write-backup.ts'

/**
 * Goes on with the newest unfinished backup, if there is one: what its notes name stays, everything else in its directory is removed
 * (a put never overwrites, so half-remembered work would be in the way). Shared WAL is never touched. Older unfinished ones (of a follower
 * that was killed between two points) are removed. The repository must be locked.
 */
export async function resumeUnfinished(storage: Storage, context: Context): Promise<BackupWriter | undefined> {
  const ids = await unfinishedIds(storage, context)
  const id = ids.pop()
  if (id === undefined) return undefined
  for (const older of ids) await removeUnfinished(storage, older)
  const adopted = await takeNotes(storage, id)
  const remembered = new Set(adopted.notes.flatMap(({ artifacts }) => artifacts.map(({ path }) => path)))
  for (const path of await pathsUnder(storage, backupPrefix(id))) {
    if (!path.startsWith(notesPrefix(id)) && !remembered.has(path)) await storage.remove(path)
  }
  context.emit({
    type: 'log',
    level: 'info',
    message: `going on with the unfinished backup ${id}: ${remembered.size} file${remembered.size === 1 ? '' : 's'} taken over`,
  })
  return await createBackupWriter({ storage, context, id, adopted })
}

/** Removes every unfinished backup (`backup --fresh`) and returns their ids. The repository must be locked. */
export async function discardUnfinished(storage: Storage, context: Context): Promise<string[]> {
  const discarded = await unfinishedIds(storage, context)
  for (const id of discarded) await removeUnfinished(storage, id)
  return discarded
}

async function removeUnfinished(storage: Storage, id: string): Promise<void> {
  // Notes first: without them nothing half-removed can be taken over by a run that comes after a kill.
  for (const path of await pathsUnder(storage, notesPrefix(id))) await storage.remove(path)
  for (const path of await pathsUnder(storage, backupPrefix(id))) await storage.remove(path)
}

/**
 * Backups without a manifest, but never one that others need: somebody has removed its manifest by hand. Such a one is marked as removed,
 * so that nothing goes on with it.
 */
async function unfinishedIds(storage: Storage, context: Context): Promise<string[]> {
  const ids = (await listIds(storage)).filter(({ state }) => state === 'unfinished').map(({ id }) => id)
  if (ids.length === 0) return []
  const needed = await neededFiles(storage, { skipUnreadable: true })
  const unfinished: string[] = []
  for (const id of ids) {
    if (!isNeeded(needed, id)) {
      unfinished.push(id)
      continue
    }
    context.emit({ type: 'log', level: 'warning', message: `the manifest of backup ${id} is gone, and later backups need its files: they stay` })
    await storage.put(expiredPath(id), [expiredMark(context.now())])
  }
  return unfinished
}

/** What `expired.json` says. */
export function expiredMark(now: Date): Buffer {
  return Buffer.from(`${stringifyJson({ expiredAt: now.toISOString() })}\n`)
}
