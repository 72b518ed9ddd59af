import { createHash } from 'node:crypto'
import type { Context } from '../base/context.ts'
import { DatapipeError, describeError } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import { stringifyJson } from '../base/lossless-json.ts'
import type { Storage } from '../storage/storage.ts'
import type { Artifact, ArtifactWriter } from './artifact.ts'
import { createArtifactWriter } from './artifact-writer.ts'
import { checkPresence } from './check-presence.ts'
import {
  backupPrefix,
  componentPrefix,
  isBackupId,
  manifestPath,
  manifestSumPath,
  notesPrefix,
  planPath,
  sharedPrefix,
  shardsPrefix,
  storedBy,
} from './layout.ts'
import { type Manifest, manifestSchema } from './manifest.ts'
import { type Note, pathsUnder } from './notes.ts'

export interface BackupWriter {
  readonly id: string
  /** True when this goes on with the work of an interrupted run. */
  readonly resumed: boolean
  /** One per component and call site is enough, but several share everything. */
  component(name: ComponentName): ArtifactWriter
  /** Every artifact stored so far, taken over ones first, each once: what `manifest.artifacts` should be. */
  artifacts(): Artifact[]
  /**
   * Makes it a backup: checks that every listed artifact is there in its size, then writes the manifest's checksum, then the manifest.
   * Nothing that fails before the manifest is written can leave a backup. Notes go afterwards.
   * Throws `artifact-missing`, `artifact-damaged`, `storage-failed`.
   */
  commit(manifest: Manifest): Promise<void>
}

export interface BackupWriterOptions {
  storage: Storage
  context: Context
  id: string
  /** What an interrupted run left (see `resumeUnfinished`); nothing of the backup may be stored when left out. */
  adopted?: { notes: Note[]; nextNumber: number }
}

/** Begins a backup; the repository must be locked. Throws `storage-failed` when something of that id is stored already. */
export async function createBackupWriter({ storage, context, id, adopted }: BackupWriterOptions): Promise<BackupWriter> {
  if (!isBackupId(id)) throw new TypeError(`not a backup id: ${id}`)
  if (adopted === undefined) await refuseExisting(storage, id)
  const artifacts = new Map<string, Artifact>()
  const stored = (artifact: Artifact) => void artifacts.set(artifact.path, artifact)
  for (const note of adopted?.notes ?? []) note.artifacts.forEach(stored)
  let number = adopted?.nextNumber ?? 1
  const nextNote = () => number++

  return {
    id,
    resumed: adopted !== undefined,
    component: (name) =>
      createArtifactWriter({
        storage,
        context,
        id,
        component: name,
        notes: (adopted?.notes ?? []).filter(({ component }) => component === name),
        nextNote,
        stored,
      }),
    artifacts: () => [...artifacts.values()],
    async commit(manifest) {
      const bytes = Buffer.from(`${stringifyJson(manifestSchema.parse(manifest), 1)}\n`)
      if (manifest.id !== id) throw new TypeError(`manifest of ${manifest.id} committed to ${id}`)
      checkList(manifest)
      await checkPresence(storage, manifest.artifacts)
      const sum = createHash('sha256').update(bytes).digest('hex')
      // A commit that failed between the two puts left its checksum behind.
      if (!(await storage.exists(manifestPath(id)))) await storage.remove(manifestSumPath(id))
      await storage.put(manifestSumPath(id), [Buffer.from(`${sum}  manifest.json\n`)])
      await storage.put(manifestPath(id), [bytes])
      await forgetNotes(storage, id, context)
    },
  }
}

async function refuseExisting(storage: Storage, id: string): Promise<void> {
  for await (const { path } of storage.list(backupPrefix(id))) {
    throw new DatapipeError('storage-failed', `backup ${id} exists already`, { path })
  }
}

function checkList({ id, artifacts }: Manifest): void {
  const seen = new Set<string>()
  for (const { path, component } of artifacts) {
    if (seen.has(path)) throw new TypeError(`${path} is listed twice`)
    seen.add(path)
    if (!path.startsWith(componentPrefix(storedBy(path) ?? id, component)) && !path.startsWith(sharedPrefix))
      throw new TypeError(`${path} belongs to no component of ${id}`)
  }
}

/** The backup stands whether or not its notes could be removed; `verify` mentions those that stay. */
async function forgetNotes(storage: Storage, id: string, context: Context): Promise<void> {
  try {
    for (const prefix of [notesPrefix(id), shardsPrefix(id), planPath(id)]) {
      for (const path of await pathsUnder(storage, prefix)) await storage.remove(path)
    }
  } catch (error) {
    context.emit({ type: 'log', level: 'warning', message: `notes of finished work stay in ${notesPrefix(id)}: ${describeError(error)}` })
  }
}
