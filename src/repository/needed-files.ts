import { DatapipeError } from '../base/errors.ts'
import type { Storage } from '../storage/storage.ts'
import { backupPrefix } from './layout.ts'
import { listIds } from './list-ids.ts'
import { readManifest } from './read-manifest.ts'

/**
 * Every file that a manifest lists, whoever stored it. With an unreadable manifest nobody can say what all is needed: throws
 * `artifact-damaged`, `format-too-new`, unless `skipUnreadable`.
 */
export async function neededFiles(storage: Storage, { skipUnreadable = false } = {}): Promise<Set<string>> {
  const needed = new Set<string>()
  for (const { id, state } of await listIds(storage)) {
    if (state !== 'finished') continue
    try {
      for (const { path } of (await readManifest(storage, id)).artifacts) needed.add(path)
    } catch (error) {
      if (!skipUnreadable || !isUnreadable(error)) throw error
    }
  }
  return needed
}

/** Whether a manifest lists a file in the directory of backup `id`. */
export function isNeeded(needed: ReadonlySet<string>, id: string): boolean {
  const prefix = backupPrefix(id)
  for (const path of needed) if (path.startsWith(prefix)) return true
  return false
}

/** A manifest that is there and cannot be used. */
export function isUnreadable(error: unknown): error is DatapipeError {
  return error instanceof DatapipeError && ['artifact-damaged', 'artifact-missing', 'format-too-new'].includes(error.code)
}
