import type { Storage } from './storage.ts'
import { storageError } from './storage-error.ts'

export interface Faults {
  /** The disk is full once this many bytes were put through the wrapper: a put fails in the middle, as on a real disk. */
  fullAfterBytes?: number
  /** Called before every operation; what it returns is thrown. For "the n-th operation fails" or "reads of this path fail". */
  before?: (operation: 'put' | 'get' | 'stat' | 'list' | 'remove', path: string) => Error | undefined
  /** Changes bytes on their way out: for damage that only a checksum sees. */
  spoil?: (path: string, chunk: Uint8Array) => Uint8Array
}

/** Storage that breaks on demand, for tests of everything above it. Nothing but the faults differs from `inner`. */
export function faultyStorage(inner: Storage, faults: Faults): Storage {
  let left = faults.fullAfterBytes ?? Number.POSITIVE_INFINITY
  const check = (operation: Parameters<NonNullable<Faults['before']>>[0], path: string) => {
    const error = faults.before?.(operation, path)
    if (error !== undefined) throw error
  }
  async function* spend(path: string, source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    for await (const chunk of source) {
      left -= chunk.byteLength
      if (left < 0) throw storageError(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }), 'writing', path)
      yield chunk
    }
  }
  return {
    url: inner.url,
    async put(path, source) {
      check('put', path)
      return await inner.put(path, spend(path, source))
    },
    async *get(path, range) {
      check('get', path)
      for await (const chunk of inner.get(path, range)) yield faults.spoil?.(path, chunk) ?? chunk
    },
    async stat(path) {
      check('stat', path)
      return await inner.stat(path)
    },
    async exists(path) {
      check('stat', path)
      return await inner.exists(path)
    },
    async *list(prefix) {
      check('list', prefix)
      yield* inner.list(prefix)
    },
    async remove(path) {
      check('remove', path)
      await inner.remove(path)
    },
    async sweep() {
      return await inner.sweep()
    },
  }
}
