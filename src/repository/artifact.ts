import { z } from 'zod'
import type { BufferPool } from '../base/buffer-pool.ts'
import { objectPathProblem } from '../storage/object-path.ts'

/** One stored file of a component. `path` is relative to the repository root and can never lead out of it. */
export const artifactSchema = z.strictObject({
  path: z.string().refine((path) => objectPathProblem(path) === undefined, 'is not a path inside the repository'),
  component: z.enum(['postgres', 'kafka', 'registry', 'connect']),
  bytes: z.number().int().nonnegative(),
  /** SHA-256 of the stored bytes, lower-case hex; verified on every read. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})
export type Artifact = z.infer<typeof artifactSchema>

/** How components store artifacts. Durable when the promise resolves; damage on the way out is impossible to miss. */
export interface ArtifactWriter {
  /**
   * Stores `source` at `<backup>/<component>/<path>`, hashing on the way. `written` may be told of chunks whose memory is the caller's again.
   * Throws `storage-failed` when it exists already.
   */
  write(path: string, source: AsyncIterable<Uint8Array> | Uint8Array, written?: (chunk: Uint8Array) => void): Promise<Artifact>
  /** Stores a file that several backups share (WAL) at `<path>` from the repository root; an identical one is kept, a different one is `archive-conflict`. */
  writeShared(path: string, source: AsyncIterable<Uint8Array> | Uint8Array): Promise<Artifact>
  /**
   * Makes files that an earlier backup stored belong to this one too. False, and nothing is listed, when one is not there in its size
   * any more. The repository must be locked: nothing may remove them before the manifest lists them.
   */
  refer(artifacts: readonly Artifact[]): Promise<boolean>
  /**
   * Remembers finished work for a resumed run: `note` must be plain JSON. Notes of the interrupted run with the same key are what
   * `notes` gave at the start; artifacts named in a note must have been written before it.
   */
  remember(key: string, note: unknown, artifacts: Artifact[]): Promise<void>
  /** What the interrupted run remembered, in order (empty for a fresh backup). Artifacts are re-checked for existence and size before they are offered. */
  notes(): { key: string; note: unknown; artifacts: Artifact[] }[]
}

/** How components read a backup. Every byte is hashed: a stream whose bytes do not match ends in `artifact-damaged`, never in silence. */
export interface ArtifactReader {
  /**
   * Streams an artifact; throws `artifact-missing`, or `artifact-damaged` at the end of the stream at the latest. Chunks may come out of
   * `pool`, and be given back there.
   */
  read(artifact: Artifact, pool?: BufferPool): AsyncIterable<Uint8Array>
  /** The whole artifact, verified before a byte of it is returned: for small ones. */
  readAll(artifact: Artifact): Promise<Buffer>
  /** All artifacts of the component, in the order of writing. */
  readonly artifacts: Artifact[]
}
