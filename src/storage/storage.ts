import type { BufferPool } from '../base/buffer-pool.ts'

/**
 * Where the bytes of a repository go. The contract, proven for every implementation by `storage-contract.ts`:
 * - Paths are relative, `/`-separated, without `.` or `..`; they never name a directory.
 * - `put` is atomic and durable: when it resolves, the object is whole and survives a power cut; until then it does not exist.
 *   It never overwrites: an existing path is `storage-failed` with path, and nothing changes. A failing or aborted source leaves nothing behind.
 * - `get` and `stat` of a missing path: `artifact-missing`.
 * - `list` gives every object whose path starts with `prefix` (a plain string prefix) in byte order of the path, no matter how many;
 *   unfinished writes are never among them.
 * - `remove` of a missing path is no error.
 * - A chunk given to `put` must not be changed afterwards: it is written without a copy. `written` may be told of chunks that the storage
 *   has no more use for; their memory is the caller's again.
 * - Errors carry the path; a full disk says so (`storage-failed`, cause ENOSPC).
 */
export interface Storage {
  readonly url: string
  /** Returns the number of bytes written. */
  put(path: string, source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, written?: (chunk: Uint8Array) => void): Promise<number>
  /**
   * Streams the object, or bytes `start` (inclusive) to `end` (exclusive) of it. Chunks may come out of `pool`: a caller that has no more use
   * for one gives it back there.
   */
  get(path: string, range?: { start?: number; end?: number }, pool?: BufferPool): AsyncIterable<Uint8Array>
  stat(path: string): Promise<{ bytes: number }>
  exists(path: string): Promise<boolean>
  list(prefix: string): AsyncIterable<{ path: string; bytes: number }>
  remove(path: string): Promise<void>
  /** Removes what killed writes left behind and returns how many; call it only while nobody else writes (under the repository lock). */
  sweep(): Promise<number>
}
