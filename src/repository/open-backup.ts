import { type Context, silentContext } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import type { Storage } from '../storage/storage.ts'
import type { ArtifactReader } from './artifact.ts'
import { createArtifactReader } from './artifact-reader.ts'
import type { Manifest } from './manifest.ts'
import { checkRepository } from './marker.ts'
import { readManifest } from './read-manifest.ts'
import { type IdState, listIds } from './list-ids.ts'

export interface Backup {
  readonly id: string
  readonly manifest: Manifest
  /** Reads this component's artifacts; every byte is verified. */
  component(name: ComponentName): ArtifactReader
}

/**
 * Opens a finished backup by `latest`, its id, or a beginning of it that fits no other.
 * Throws `backup-not-found`, `artifact-damaged` (the manifest), `format-too-new`.
 */
export async function openBackup(storage: Storage, reference: string, context: Context = silentContext()): Promise<Backup> {
  const id = await resolveBackup(storage, reference)
  const manifest = await readManifest(storage, id)
  return {
    id,
    manifest,
    component: (name) => {
      const artifacts = manifest.artifacts.filter(({ component }) => component === name)
      return createArtifactReader(storage, artifacts, context)
    },
  }
}

/** The id that `latest`, an id or the beginning of one stands for. Throws `backup-not-found`. */
export async function resolveBackup(storage: Storage, reference: string): Promise<string> {
  await checkRepository(storage)
  return chooseId(await listIds(storage), reference)
}

function chooseId(ids: { id: string; state: IdState }[], reference: string): string {
  const finished = ids.filter(({ state }) => state === 'finished').map(({ id }) => id)
  if (reference === 'latest') {
    const newest = finished.at(-1)
    if (newest === undefined)
      throw new DatapipeError('backup-not-found', 'the repository holds no finished backup yet', { hint: 'run `datapipe backup`' })
    return newest
  }
  const fitting = reference === '' ? [] : finished.filter((id) => id.startsWith(reference))
  const [first, second] = fitting
  if (first !== undefined && second === undefined) return first
  if (second !== undefined)
    throw new DatapipeError('backup-not-found', `${reference} fits ${fitting.length} backups: ${fitting.slice(0, 5).join(', ')}`)
  const other = ids.find(({ id }) => reference !== '' && id.startsWith(reference))
  if (other !== undefined) {
    const why = other.state === 'removed' ? 'was removed; what is left of it belongs to later ones' : 'never finished: it has no manifest'
    throw new DatapipeError('backup-not-found', `backup ${other.id} ${why}`, { path: other.id })
  }
  throw new DatapipeError('backup-not-found', `no such backup: ${reference || '(empty)'}`)
}
