import { createHash } from 'node:crypto'
import type { BufferPool } from '../base/buffer-pool.ts'
import { type Context, silentContext } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import type { Storage } from '../storage/storage.ts'
import type { Artifact, ArtifactReader } from './artifact.ts'

/** How a component reads its artifacts of one backup: the contract is `ArtifactReader`'s. */
export function createArtifactReader(storage: Storage, artifacts: Artifact[], context: Context = silentContext()): ArtifactReader {
  return {
    artifacts,
    read: (artifact, pool) => verifiedStream(storage, artifact, context, pool),
    async readAll(artifact) {
      const chunks: Uint8Array[] = []
      for await (const chunk of verifiedStream(storage, artifact, context)) chunks.push(chunk)
      return Buffer.concat(chunks)
    },
  }
}

/** Streams while hashing. A wrong size is seen before the first byte, a wrong byte when the last one has passed: the stream then throws instead of ending. */
export async function* verifiedStream(storage: Storage, artifact: Artifact, context: Context, pool?: BufferPool): AsyncIterable<Uint8Array> {
  const { path, bytes, sha256 } = artifact
  const stored = await storage.stat(path)
  if (stored.bytes !== bytes) throw damaged(path, `has ${stored.bytes} bytes, ${bytes} were recorded`)
  const hash = createHash('sha256')
  let seen = 0
  for await (const chunk of storage.get(path, undefined, pool)) {
    if (context.signal.aborted) throw new DatapipeError('interrupted', `interrupted while reading ${path}`)
    hash.update(chunk)
    seen += chunk.byteLength
    yield chunk
  }
  if (seen !== bytes) throw damaged(path, `gave ${seen} bytes, ${bytes} were recorded`)
  const actual = hash.digest('hex')
  if (actual !== sha256) throw damaged(path, `has sha256 ${actual}, ${sha256} was recorded`)
}

function damaged(path: string, what: string): DatapipeError {
  return new DatapipeError('artifact-damaged', `${path} ${what}`, { path })
}
