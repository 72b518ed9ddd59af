import { DatapipeError } from '../base/errors.ts'
import type { Storage } from '../storage/storage.ts'
import type { Artifact } from './artifact.ts'
import { sharedPrefix } from './layout.ts'

/**
 * Every artifact is there in its size; their bytes are not read. What can be seen so cheaply must be seen before anything is written.
 * Throws `wal-gap` for a missing WAL segment, `artifact-missing`, `artifact-damaged`, `storage-failed`.
 */
export async function checkPresence(storage: Storage, artifacts: readonly Artifact[]): Promise<void> {
  for (const { path, bytes } of artifacts) {
    const found = await storage.stat(path).catch((cause: unknown) => {
      if (!path.startsWith(sharedPrefix) || !(cause instanceof DatapipeError) || cause.code !== 'artifact-missing') throw cause
      throw new DatapipeError('wal-gap', `a WAL segment is missing from the repository: ${path}`, { path, cause })
    })
    if (found.bytes !== bytes) throw new DatapipeError('artifact-damaged', `${path} has ${found.bytes} bytes, ${bytes} were written`, { path })
  }
}
