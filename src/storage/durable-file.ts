import { randomBytes } from 'node:crypto'
import { type FileHandle, link, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { temporaryPrefix } from './object-path.ts'
import { errorCode } from './storage-error.ts'

const batchBytes = 1 << 20
const batchChunks = 512
const flushBytes = 32 << 20

/**
 * Writes a file that is either whole and durable or not there: a temporary file beside it, fsync, then a hard link, which never replaces,
 * then fsync of the directory. `written` is told of each chunk that the system has taken. Returns the bytes written. Throws the system's errors; `EEXIST` when `file` is there already.
 */
export async function writeDurably(
  file: string,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  written: (chunk: Uint8Array) => void = () => {},
): Promise<number> {
  const directory = dirname(file)
  const temporary = join(directory, temporaryPrefix + randomBytes(8).toString('hex'))
  const handle = await createIn(directory, temporary)
  try {
    let bytes: number
    try {
      bytes = await writeAll(handle, source, written)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await moveWithoutReplacing(temporary, file)
    await syncDirectory(directory)
    return bytes
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Opens a new file, making its directory; a directory that an expiring run removes in between is made again. */
async function createIn(directory: string, file: string): Promise<FileHandle> {
  for (let attempt = 1; ; attempt++) {
    try {
      await makeDirectory(directory)
      return await open(file, 'wx', 0o640)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || attempt === 5) throw error
    }
  }
}

/**
 * Step by step, since Node's recursive mkdir never ends where the file system says ENOENT below a directory that is there (procfs and
 * some network file systems do), and holds a thread that no signal reaches.
 */
async function makeDirectory(directory: string): Promise<void> {
  if (await isDirectory(directory)) return
  const parent = dirname(directory)
  if (parent !== directory) await makeDirectory(parent)
  try {
    await mkdir(directory, { mode: 0o750 })
  } catch (error) {
    // Another writer was faster.
    if (errorCode(error) !== 'EEXIST' || !(await isDirectory(directory))) throw error
  }
  await syncDirectory(parent)
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}

/**
 * One batch is on its way to the disk while the next is gathered, and what was written so far is flushed meanwhile: left to the fsync at
 * the end, the disk would idle first and the caller wait then.
 */
async function writeAll(
  handle: FileHandle,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  written: (chunk: Uint8Array) => void,
): Promise<number> {
  let total = 0
  let batch: Uint8Array[] = []
  let size = 0
  let unflushed = 0
  let flushing: Promise<unknown> | undefined
  let writing: Promise<unknown> = Promise.resolve()
  const writeOut = async () => {
    await writing
    const chunks = batch
    writing = settled(writeBatch(handle, chunks).then(() => chunks.forEach(written)))
    unflushed += size
    batch = []
    size = 0
    if (unflushed < flushBytes || flushing !== undefined) return
    unflushed = 0
    // Kept when it fails: the system reports a lost write once, and the fsync at the end would succeed.
    flushing = settled(
      handle.datasync().then(() => {
        flushing = undefined
      }),
    )
  }
  try {
    for await (const chunk of source) {
      if (chunk.byteLength === 0) continue
      batch.push(chunk)
      size += chunk.byteLength
      total += chunk.byteLength
      if (size >= batchBytes || batch.length >= batchChunks) await writeOut()
    }
    await writeOut()
  } finally {
    await Promise.all([writing, flushing])
  }
  return total
}

/** Marks a promise as handled: whoever awaits it later still gets its rejection. */
function settled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/** `writev` may write less than it was given (a disk that is nearly full): the rest follows. */
async function writeBatch(handle: FileHandle, chunks: Uint8Array[]): Promise<void> {
  let rest = chunks
  while (rest.length > 0) {
    let { bytesWritten } = await handle.writev(rest)
    let whole = 0
    while (whole < rest.length && bytesWritten >= (rest[whole]?.byteLength ?? 0)) bytesWritten -= rest[whole++]?.byteLength ?? 0
    rest = rest.slice(whole)
    if (bytesWritten > 0 && rest[0] !== undefined) rest[0] = rest[0].subarray(bytesWritten)
  }
}

/** File systems without hard links (some network and FUSE mounts): look, then rename. The repository lock keeps other writers away. */
async function moveWithoutReplacing(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK', 'EOPNOTSUPP'].includes(errorCode(error) ?? '')) throw error
    const there = await stat(to).then(
      () => true,
      (reason: unknown) => {
        if (errorCode(reason) === 'ENOENT') return false
        throw reason
      },
    )
    if (there) throw Object.assign(new Error(`file exists: ${to}`), { code: 'EEXIST' })
    await rename(from, to)
    return
  }
  await rm(from)
}

/** Makes additions to and removals from a directory survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
