import { type FileHandle, mkdir, open } from 'node:fs/promises'
import type { Owner } from './server-owner.ts'
import type { MemberSink } from './tar-reader.ts'

/** Files that are being written. Disposing waits for those that are open, whatever has gone wrong. */
export interface ParallelFiles extends AsyncDisposable {
  /** Makes a directory; those above it come first. */
  directory(path: string, mode: number): void
  /** Makes a file, which must not be there. Its bytes are written later: they must not change. */
  file(path: string, mode: number): MemberSink
  /** Resolves when there is room for more. Throws what has gone wrong so far. */
  room(): Promise<void>
  /** Resolves when all is written and closed. Throws the first thing that went wrong. */
  finish(): Promise<void>
}

export interface ParallelOptions {
  /** Whose everything shall be; ours when undefined. */
  owner: Owner | undefined
  /** Has what is written flushed meanwhile, so that little is left to a sync at the end. */
  flush: boolean
}

/** Bytes that wait to be written, and files that are open: what this holds in memory. */
const mostBytes = 16 << 20
const mostFiles = 32
const flushBytes = 32 << 20

/** Writes many files at once while their bytes arrive one after the other, as those of an archive do. */
export function parallelFiles({ owner, flush }: ParallelOptions): ParallelFiles {
  const unfinished = new Set<Promise<void>>()
  const wakers = new Set<() => void>()
  let waiting = 0
  let failure: { error: unknown } | undefined
  let stopped = false
  let directories: Promise<void> = Promise.resolve()

  const changed = () => {
    for (const wake of wakers) wake()
    wakers.clear()
  }
  const change = () => new Promise<void>((resolve) => wakers.add(resolve))
  const fail = (error: unknown) => {
    failure ??= { error }
    stopped = true
    changed()
  }
  const until = async (condition: () => boolean) => {
    while (failure === undefined && !condition()) await change()
    if (failure !== undefined) throw failure.error
  }

  const writeFile = async (path: string, mode: number, source: { chunks: Buffer[]; ended: boolean }) => {
    await directories
    await using handle = await makeFile(path, mode, owner)
    let unflushed = 0
    let flushing: Promise<void> | undefined
    try {
      while (!stopped && (source.chunks.length > 0 || !source.ended)) {
        if (source.chunks.length === 0) {
          await change()
          continue
        }
        const batch = source.chunks
        source.chunks = []
        const bytes = batch.reduce((sum, chunk) => sum + chunk.length, 0)
        await writeAll(handle, batch)
        waiting -= bytes
        changed()
        unflushed += bytes
        if (!flush || unflushed < flushBytes || flushing !== undefined) continue
        unflushed = 0
        flushing = handle.datasync().then(() => {
          flushing = undefined
        })
        // Kept when it fails: the system reports a lost write once.
        flushing.catch(() => {})
      }
    } finally {
      await flushing
    }
  }

  return {
    directory(path, mode) {
      directories = directories.then(() => makeDirectory(path, mode, owner))
      directories.catch(fail)
    },
    file(path, mode) {
      const source = { chunks: [] as Buffer[], ended: false }
      const work: Promise<void> = writeFile(path, mode, source)
        .catch(fail)
        .finally(() => {
          unfinished.delete(work)
          changed()
        })
      unfinished.add(work)
      return {
        data(chunk) {
          source.chunks.push(chunk)
          waiting += chunk.length
          changed()
        },
        end() {
          source.ended = true
          changed()
        },
      }
    },
    room: () => until(() => waiting < mostBytes && unfinished.size < mostFiles),
    async finish() {
      await directories.catch(fail)
      await until(() => unfinished.size === 0)
    },
    async [Symbol.asyncDispose]() {
      stopped = true
      changed()
      await Promise.allSettled([directories, ...unfinished])
    },
  }
}

async function makeDirectory(path: string, mode: number, owner: Owner | undefined): Promise<void> {
  await mkdir(path, { mode })
  if (owner === undefined) return
  await using handle = await open(path, 'r')
  await handle.chown(owner.uid, owner.gid)
}

/** The archive's mode counts, whatever the umask is. */
async function makeFile(path: string, mode: number, owner: Owner | undefined): Promise<FileHandle> {
  const handle = await open(path, 'wx', mode)
  try {
    await handle.chmod(mode)
    if (owner !== undefined) await handle.chown(owner.uid, owner.gid)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** A disk that is nearly full takes less than it was given; the next attempt says so. */
async function writeAll(handle: FileHandle, chunks: Buffer[]): Promise<void> {
  let rest = chunks
  while (rest.length > 0) {
    let { bytesWritten } = await handle.writev(rest)
    while (rest[0] !== undefined && bytesWritten >= rest[0].length) {
      bytesWritten -= rest[0].length
      rest = rest.slice(1)
    }
    if (rest[0] !== undefined && bytesWritten > 0) rest = [rest[0].subarray(bytesWritten), ...rest.slice(1)]
  }
}
