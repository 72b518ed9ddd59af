import type { Context } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import type { Storage } from '../storage/storage.ts'
import type { Artifact, ArtifactWriter } from './artifact.ts'
import { hashingSource, type Source } from './hashing-source.ts'
import { componentPrefix, sharedPrefix } from './layout.ts'
import { areThere, type Note, writeNote } from './notes.ts'

export interface ArtifactWriterOptions {
  storage: Storage
  context: Context
  id: string
  component: ComponentName
  /** This component's notes of the interrupted run, in order. */
  notes: Note[]
  /** Number of the next note, counted over all components. */
  nextNote(): number
  /** Called once an artifact is durable. */
  stored(artifact: Artifact): void
}

/** How one component stores its artifacts in one backup: the contract is `ArtifactWriter`'s. */
export function createArtifactWriter(options: ArtifactWriterOptions): ArtifactWriter {
  const { storage, context, id, component, stored } = options

  const store = async (path: string, source: Source, written?: (chunk: Uint8Array) => void): Promise<Artifact> => {
    const hashing = hashingSource(source, context.signal)
    await storage.put(path, hashing, written)
    return { path, component, ...hashing.digest() }
  }

  return {
    async write(path, source, written) {
      const artifact = await store(componentPrefix(id, component) + path, source, written)
      stored(artifact)
      return artifact
    },
    async writeShared(path, source) {
      if (!path.startsWith(sharedPrefix)) throw new TypeError(`a shared file lies under ${sharedPrefix}: ${path}`)
      const artifact = (await storage.exists(path)) ? await compareShared(storage, context, { path, component, source }) : await store(path, source)
      stored(artifact)
      return artifact
    },
    async refer(artifacts) {
      if (!(await areThere(storage, artifacts))) return false
      artifacts.forEach(stored)
      return true
    },
    async remember(key, note, artifacts) {
      await writeNote(storage, id, options.nextNote(), { component, key, note, artifacts })
    },
    notes: () => options.notes.map(({ key, note, artifacts }) => ({ key, note, artifacts })),
  }
}

/** Both sides are read in full: a stored file that has rotted must not pass for the one that is offered. */
async function compareShared(
  storage: Storage,
  context: Context,
  { path, component, source }: { path: string; component: ComponentName; source: Source },
): Promise<Artifact> {
  const [offered, kept] = await Promise.all([digestOf(source, context), digestOf(storage.get(path), context)])
  if (offered.sha256 !== kept.sha256) {
    throw new DatapipeError(
      'archive-conflict',
      `${path} is stored already with other contents: ${kept.bytes} bytes, sha256 ${kept.sha256}; now ${offered.bytes} bytes, sha256 ${offered.sha256}`,
      { path },
    )
  }
  return { path, component, ...kept }
}

async function digestOf(source: Source, context: Context): Promise<{ bytes: number; sha256: string }> {
  const hashing = hashingSource(source, context.signal)
  for await (const _chunk of hashing);
  return hashing.digest()
}
