import { type FileHandle, open, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { BufferPool } from '../base/buffer-pool.ts'
import { syncDirectory, writeDurably } from './durable-file.ts'
import { checkObjectPath, comparePaths, temporaryPrefix } from './object-path.ts'
import type { Storage } from './storage.ts'
import { alreadyThere, errorCode, missing, storageError } from './storage-error.ts'

const readBytes = 1 << 20

/** A directory as storage. `root` is absolute and made by the first `put`; files are 0640, directories 0750, both under the umask. */
export function localStorage(root: string): Storage {
  const fileOf = (path: string) => {
    checkObjectPath(path)
    return join(root, path)
  }

  const statFile = async (path: string) => {
    const found = await stat(fileOf(path)).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
      throw storageError(error, 'looking at', path)
    })
    return found?.isFile() ? found : undefined
  }

  return {
    url: pathToFileURL(root).href,
    async put(path, source, written) {
      const file = fileOf(path)
      if ((await statFile(path)) !== undefined) throw alreadyThere(path)
      try {
        return await writeDurably(file, source, written)
      } catch (error) {
        if (errorCode(error) === 'EEXIST' && (await statFile(path)) !== undefined) throw alreadyThere(path)
        throw storageError(error, 'writing', path)
      }
    },
    async *get(path, range, pool) {
      const file = fileOf(path)
      const found = await statFile(path)
      if (found === undefined) throw missing(path)
      try {
        await using handle = await open(file, 'r')
        yield* readRange(handle, { start: range?.start ?? 0, end: Math.min(range?.end ?? found.size, found.size) }, pool)
      } catch (error) {
        throw storageError(error, 'reading', path)
      }
    },
    async stat(path) {
      const found = await statFile(path)
      if (found === undefined) throw missing(path)
      return { bytes: found.size }
    },
    async exists(path) {
      return (await statFile(path)) !== undefined
    },
    async *list(prefix) {
      for await (const file of walk(root, '', prefix)) if (!isTemporary(file.path)) yield file
    },
    async remove(path) {
      const file = fileOf(path)
      try {
        await rm(file)
        await removeEmptyDirectories(root, dirname(file))
      } catch (error) {
        if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') throw storageError(error, 'removing', path)
      }
    },
    async sweep() {
      let swept = 0
      for await (const file of walk(root, '', '')) {
        if (!isTemporary(file.path)) continue
        await rm(join(root, file.path), { force: true })
        swept++
      }
      return swept
    },
  }
}

function isTemporary(path: string): boolean {
  return path.slice(path.lastIndexOf('/') + 1).startsWith(temporaryPrefix)
}

/** The next read is under way while the caller works on the last one. */
async function* readRange(
  handle: FileHandle,
  { start, end }: { start: number; end: number },
  pool: BufferPool | undefined,
): AsyncIterable<Uint8Array> {
  const read = (position: number) => {
    const wanted = Math.max(0, Math.min(readBytes, end - position))
    const result = wanted === 0 ? Promise.resolve(Buffer.alloc(0)) : readAt(handle, position, pool?.take(wanted) ?? Buffer.allocUnsafe(wanted))
    // A caller that stops early never awaits the read-ahead; one that goes on gets its rejection at the await below.
    result.catch(() => {})
    return result
  }
  let position = start
  let ahead = read(position)
  try {
    for (;;) {
      const chunk = await ahead
      if (chunk.byteLength === 0) return
      position += chunk.byteLength
      ahead = read(position)
      yield chunk
    }
  } finally {
    await Promise.allSettled([ahead])
  }
}

async function readAt(handle: FileHandle, position: number, into: Buffer): Promise<Buffer> {
  const { bytesRead } = await handle.read(into, 0, into.length, position)
  return into.subarray(0, bytesRead)
}

/** Files under `directory` whose path begins with `prefix`, in byte order of the whole path: a directory sorts as its name with a slash. */
async function* walk(root: string, directory: string, prefix: string): AsyncIterable<{ path: string; bytes: number }> {
  const names = await readdir(join(root, directory)).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return []
    throw storageError(error, 'listing', directory || '.')
  })
  const entries: { path: string; bytes: number; isDirectory: boolean }[] = []
  for (const name of names) {
    const path = directory + name
    if (!path.startsWith(prefix.slice(0, path.length))) continue
    const found = await stat(join(root, path)).catch((error: unknown) => {
      // Removed since readdir, or a link that leads nowhere.
      if (errorCode(error) === 'ENOENT') return undefined
      throw storageError(error, 'looking at', path)
    })
    if (found?.isDirectory()) entries.push({ path: `${path}/`, bytes: 0, isDirectory: true })
    else if (found?.isFile() && path.startsWith(prefix)) entries.push({ path, bytes: found.size, isDirectory: false })
  }
  entries.sort((a, b) => comparePaths(a.path, b.path))
  for (const { path, bytes, isDirectory } of entries) {
    if (isDirectory) yield* walk(root, path, prefix)
    else yield { path, bytes }
  }
}

/** Removes `directory` and its parents up to `root` as long as they are empty, and makes the last change durable. */
async function removeEmptyDirectories(root: string, directory: string): Promise<void> {
  let current = directory
  while (current !== root && current.startsWith(root)) {
    try {
      await rmdir(current)
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY', 'ENOTDIR'].includes(errorCode(error) ?? '')) throw error
      if (errorCode(error) !== 'ENOENT') break
    }
    current = dirname(current)
  }
  await syncDirectory(current)
}
