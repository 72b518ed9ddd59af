import type { Context } from '../base/context.ts'
import type { Storage } from '../storage/storage.ts'
import { backupPrefix, backupsPrefix, isBackupId, manifestPath, notesPrefix } from './layout.ts'
import { pathsUnder, takeNotes } from './notes.ts'
import { type BackupWriter, createBackupWriter } from './write-backup.ts'

/** Ids under `backups/`, oldest first, and whether each has its manifest. */
export async function listIds(storage: Storage): Promise<{ id: string; finished: boolean }[]> {
  const ids = new Map<string, boolean>()
  for await (const { path } of storage.list(backupsPrefix)) {
    const id = path.slice(backupsPrefix.length).split('/')[0] ?? ''
    if (isBackupId(id)) ids.set(id, ids.get(id) === true || path === manifestPath(id))
  }
  return [...ids].map(([id, finished]) => ({ id, finished }))
}

/**
 * Goes on with the newest unfinished backup, if there is one: what its notes name stays, everything else in its directory is removed
 * (a put never overwrites, so half-remembered work would be in the way). Shared WAL is never touched. The repository must be locked.
 */
export async function resumeUnfinished(storage: Storage, context: Context): Promise<BackupWriter | undefined> {
  const unfinished = (await listIds(storage)).filter(({ finished }) => !finished).at(-1)
  if (unfinished === undefined) return undefined
  const { id } = unfinished
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
export async function discardUnfinished(storage: Storage): Promise<string[]> {
  const discarded: string[] = []
  for (const { id, finished } of await listIds(storage)) {
    if (finished) continue
    // Notes first: without them nothing half-removed can be taken over by a run that comes after a kill.
    for (const path of await pathsUnder(storage, notesPrefix(id))) await storage.remove(path)
    for (const path of await pathsUnder(storage, backupPrefix(id))) await storage.remove(path)
    discarded.push(id)
  }
  return discarded
}
