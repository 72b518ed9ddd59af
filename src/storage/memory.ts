import { checkObjectPath, comparePaths } from './object-path.ts'
import type { Storage } from './storage.ts'
import { alreadyThere, missing } from './storage-error.ts'

const chunkBytes = 64 * 1024

/** Storage in this process's memory: for tests and for trying things out. Small chunks on the way out, so that readers meet boundaries. */
export function memoryStorage(): Storage {
  const objects = new Map<string, Buffer>()
  const objectAt = (path: string) => {
    checkObjectPath(path)
    const found = objects.get(path)
    if (found === undefined) throw missing(path)
    return found
  }
  return {
    url: 'memory:',
    async put(path, source) {
      checkObjectPath(path)
      if (objects.has(path)) throw alreadyThere(path)
      const chunks: Uint8Array[] = []
      for await (const chunk of source) chunks.push(chunk)
      if (objects.has(path)) throw alreadyThere(path)
      const whole = Buffer.concat(chunks)
      objects.set(path, whole)
      return whole.byteLength
    },
    async *get(path, range) {
      const whole = objectAt(path)
      const wanted = whole.subarray(range?.start ?? 0, range?.end ?? whole.byteLength)
      for (let at = 0; at < wanted.byteLength; at += chunkBytes) yield wanted.subarray(at, at + chunkBytes)
    },
    async stat(path) {
      return { bytes: objectAt(path).byteLength }
    },
    async exists(path) {
      checkObjectPath(path)
      return objects.has(path)
    },
    async *list(prefix) {
      const paths = [...objects.keys()].filter((path) => path.startsWith(prefix)).sort(comparePaths)
      for (const path of paths) {
        const object = objects.get(path)
        if (object !== undefined) yield { path, bytes: object.byteLength }
      }
    },
    async remove(path) {
      checkObjectPath(path)
      objects.delete(path)
    },
    async sweep() {
      return 0
    },
  }
}
