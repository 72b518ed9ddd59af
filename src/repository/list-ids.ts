import type { Storage } from '../storage/storage.ts'
import { backupsPrefix, expiredPath, isBackupId, manifestPath } from './layout.ts'

/** `finished`: has its manifest, and so is a backup. `removed`: was one; its directory holds files that others need, or that are still to be removed. */
export type IdState = 'finished' | 'unfinished' | 'removed'

/** Ids under `backups/`, oldest first. */
export async function listIds(storage: Storage): Promise<{ id: string; state: IdState }[]> {
  const ids = new Map<string, IdState>()
  for await (const { path } of storage.list(backupsPrefix)) {
    const id = path.slice(backupsPrefix.length).split('/')[0] ?? ''
    if (!isBackupId(id)) continue
    // The mark is written before the manifest goes: as long as that is there, it is a backup.
    if (path === manifestPath(id)) ids.set(id, 'finished')
    else if (path === expiredPath(id) && ids.get(id) !== 'finished') ids.set(id, 'removed')
    else if (!ids.has(id)) ids.set(id, 'unfinished')
  }
  return [...ids].map(([id, state]) => ({ id, state }))
}

/** The id of the newest directory of a backup, whatever its state: a new id must sort behind it. */
export async function newestId(storage: Storage): Promise<string | undefined> {
  return (await listIds(storage)).at(-1)?.id
}
