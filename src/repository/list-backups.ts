import { type Context, silentContext } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import type { Storage } from '../storage/storage.ts'
import { backupPrefix, backupStart, componentNames, sharedPrefix, storedBy } from './layout.ts'
import type { Manifest, RecoveryPoint } from './manifest.ts'
import { checkRepository } from './marker.ts'
import { readManifest } from './read-manifest.ts'
import { listIds } from './list-ids.ts'

/**
 * - `complete`: restorable, nothing is missing. `incomplete`: restorable, with the gaps that its manifest lists.
 * - `unfinished`: no manifest; the next backup goes on with it.
 * - `damaged`: its manifest cannot be trusted. `too new`: a newer Datapipe wrote it.
 */
export type BackupState = 'complete' | 'incomplete' | 'unfinished' | 'damaged' | 'too new'

export interface BackupEntry {
  id: string
  state: BackupState
  startedAt: string
  finishedAt?: string
  label?: string
  components: ComponentName[]
  /** Files and bytes of its own, and of the WAL it shares with others. */
  files: number
  bytes: number
  sharedBytes: number
  /** What earlier backups have stored for it: their ids, and the size of those files. */
  earlier: { backups: string[]; files: number; bytes: number }
  recoveryPoint?: RecoveryPoint
  /** Why it is damaged, or too new. */
  reason?: string
}

/** Every backup, oldest first, unfinished and damaged ones too. Throws `backup-not-found` when there is no repository. */
export async function listBackups(storage: Storage, context: Context = silentContext()): Promise<BackupEntry[]> {
  await checkRepository(storage)
  const entries: BackupEntry[] = []
  for (const { id, state } of await listIds(storage)) {
    if (context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while listing backups')
    if (state === 'removed') continue
    entries.push(state === 'finished' ? await finishedEntry(storage, id) : await bareEntry(storage, id, 'unfinished'))
  }
  return entries
}

async function finishedEntry(storage: Storage, id: string): Promise<BackupEntry> {
  try {
    return describeManifest(await readManifest(storage, id))
  } catch (error) {
    if (!(error instanceof DatapipeError)) throw error
    if (error.code === 'format-too-new') return { ...(await bareEntry(storage, id, 'too new')), reason: error.message }
    if (error.code === 'artifact-damaged' || error.code === 'artifact-missing') {
      return { ...(await bareEntry(storage, id, 'damaged')), reason: error.message }
    }
    throw error
  }
}

/** What a manifest says of its backup, for lists. */
export function describeManifest(manifest: Manifest): BackupEntry {
  const own = manifest.artifacts.filter(({ path }) => path.startsWith(backupPrefix(manifest.id)))
  const earlier = manifest.artifacts.filter(({ path }) => storedBy(path) !== undefined && storedBy(path) !== manifest.id)
  const shared = manifest.artifacts.filter(({ path }) => path.startsWith(sharedPrefix))
  return {
    id: manifest.id,
    state: manifest.complete ? 'complete' : 'incomplete',
    startedAt: manifest.startedAt,
    finishedAt: manifest.finishedAt,
    ...(manifest.label === undefined ? {} : { label: manifest.label }),
    components: componentNames.filter((name) => manifest.components[name] !== undefined),
    files: own.length,
    bytes: totalBytes(own),
    sharedBytes: totalBytes(shared),
    earlier: {
      backups: [...new Set(earlier.flatMap(({ path }) => storedBy(path) ?? []))].sort(),
      files: earlier.length,
      bytes: totalBytes(earlier),
    },
    recoveryPoint: manifest.recoveryPoint,
  }
}

/** What can be said without a manifest. */
async function bareEntry(storage: Storage, id: string, state: BackupState): Promise<BackupEntry> {
  const prefix = backupPrefix(id)
  const found = new Set<string>()
  const files: { bytes: number }[] = []
  for await (const file of storage.list(prefix)) {
    found.add(file.path.slice(prefix.length).split('/')[0] ?? '')
    files.push(file)
  }
  const components = componentNames.filter((name) => found.has(name))
  return {
    id,
    state,
    startedAt: backupStart(id).toISOString(),
    components,
    files: files.length,
    bytes: totalBytes(files),
    sharedBytes: 0,
    earlier: { backups: [], files: 0, bytes: 0 },
  }
}

function totalBytes(files: { bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0)
}
