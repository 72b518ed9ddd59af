import { createWriteStream } from 'node:fs'
import { chmod, chown, lchown, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { runTool } from '../../clients/exec.ts'
import type { Artifact, ArtifactReader } from '../../repository/artifact.ts'
import { decompressed, isDecompressionFault } from './compression.ts'
import { controlPath } from './file-checks.ts'
import type { PostgresPart } from './part.ts'
import type { Owner } from './server-owner.ts'
import { unpackArchive } from './unpack-archive.ts'

export interface FilesOptions {
  part: PostgresPart
  reader: ArtifactReader
  owner: Owner | undefined
  context: Context
}

/**
 * Unpacks the WAL segments and history files into `directory`, each one verified. Throws `wal-gap` naming a segment whose file is
 * missing, `artifact-damaged`.
 */
export async function unpackWal(directory: string, options: FilesOptions): Promise<void> {
  const { part, owner, context } = options
  await rm(directory, { recursive: true, force: true })
  await makeDirectory(directory, owner)
  const files = [...part.wal.histories, ...part.wal.segments]
  const next = files[Symbol.iterator]()
  let done = 0
  let failure: { error: unknown } | undefined
  // All of them share the iterator. Who fails stops the others, and is waited for like them: nothing may be written after that.
  const worker = async () => {
    for (const { name, artifact } of next) {
      if (failure !== undefined) return
      try {
        await unpackSegment(join(directory, name), name, artifact, options)
        context.emit({ type: 'progress', task: 'unpack WAL', done: ++done, total: files.length, unit: 'items' })
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: walAtOnce }, worker))
  if (failure !== undefined) throw failure.error
}

/** Decompressing one takes one processor. */
const walAtOnce = 3

async function unpackSegment(file: string, name: string, artifact: Artifact, { reader, owner, context }: FilesOptions): Promise<void> {
  try {
    await pipeline(
      Readable.from(decompressedFile(reader, artifact, context.signal), { objectMode: false, highWaterMark: 1 << 18 }),
      createWriteStream(file, { flags: 'wx', mode: 0o600 }),
      { signal: context.signal },
    )
  } catch (error) {
    if (context.signal.aborted) throw new DatapipeError('interrupted', `interrupted while unpacking ${name}`, { cause: error })
    throw asGap(error, name, artifact)
  }
  if (owner !== undefined) await chown(file, owner.uid, owner.gid)
}

/**
 * An artifact's bytes, decompressed. The decompressor often trips over damage before the checksum, which is known at the end only, tells of it:
 * then it is what names the artifact.
 */
async function* decompressedFile(reader: ArtifactReader, artifact: Artifact, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* decompressed(reader.read(artifact), signal, artifact.path)
  } catch (error) {
    throw isDecompressionFault(error) ? damagedAt(artifact, 'cannot be decompressed', error) : error
  }
}

function damagedAt({ path }: Artifact, what: string, cause: unknown): DatapipeError {
  return new DatapipeError('artifact-damaged', `${path} ${what}`, { path, cause })
}

/** A WAL file that is not there is a gap in the chain; everything else stays what it is. */
export function asGap(error: unknown, name: string, artifact: Artifact): unknown {
  if (!(error instanceof DatapipeError) || error.code !== 'artifact-missing') return error
  return new DatapipeError('wal-gap', `WAL segment ${name} is missing from the repository`, { path: artifact.path, cause: error })
}

/** Where the base backup goes. */
export interface BaseTarget {
  tablespacePath: (tablespace: { oid: number; location: string }) => string
  /** Everything is on the disk before pg_control is made. False for a server that is thrown away. */
  durable: boolean
}

/**
 * Unpacks the base backup into the empty `dataDirectory` and its tablespaces, files in parallel. `global/pg_control` comes last, after the
 * checksum of every other byte has been found right and all of it has reached the disk: a half restored directory can never be started.
 */
export async function unpackBase(dataDirectory: string, options: FilesOptions & BaseTarget): Promise<void> {
  const { part, reader, owner, context, tablespacePath, durable } = options
  let unpacked = 0
  const onProgress = (bytes: number) => {
    unpacked += bytes
    context.emit({ type: 'progress', task: 'unpack base backup', done: unpacked, total: part.base.bytes, unit: 'bytes' })
  }
  for (const { tablespace, artifact } of part.base.archives) {
    const directory = tablespace === null ? dataDirectory : tablespacePath(tablespace)
    await makeDirectory(directory, owner)
    try {
      await unpackArchive(decompressedFile(reader, artifact, context.signal), { directory, owner, flush: durable, onProgress })
    } catch (error) {
      // What the archive is made of does not know where it lies.
      const nameless = error instanceof DatapipeError && error.code === 'artifact-damaged' && error.path === undefined
      throw nameless ? damagedAt(artifact, `cannot be unpacked: ${error.message}`, error) : error
    }
  }
  // A server sends its tablespaces before the directory that the links are in.
  for (const { tablespace } of part.base.archives) {
    if (tablespace === null) continue
    const link = join(dataDirectory, 'pg_tblspc', String(tablespace.oid))
    await symlink(tablespacePath(tablespace), link)
    if (owner !== undefined) await lchown(link, owner.uid, owner.gid)
  }
  await chmod(dataDirectory, 0o700)
  // Without this file a server would come up from the backup's checkpoint, not at the recovery point.
  await own(join(dataDirectory, 'recovery.signal'), Buffer.alloc(0), owner)
  const control = await reader.readAll(part.base.control)
  if (durable) await syncFileSystems(part.base.archives.map(({ tablespace }) => (tablespace === null ? dataDirectory : tablespacePath(tablespace))))
  await own(join(dataDirectory, controlPath), control, owner)
  if (durable) await syncFileSystems([dataDirectory])
}

/** One call for each (syncfs) instead of one for each of some thousand files, each of which would wait for the file system's journal. */
async function syncFileSystems(directories: string[]): Promise<void> {
  await runTool('sync', ['-f', ...directories])
}

/** Empties a directory that a failed restore has filled; it was empty before. */
export async function emptyDirectory(directory: string): Promise<void> {
  for (const name of await readdir(directory)) if (name !== 'lost+found') await rm(join(directory, name), { recursive: true, force: true })
}

async function own(file: string, bytes: Buffer, owner: Owner | undefined): Promise<void> {
  await writeFile(file, bytes, { mode: 0o600, flush: true })
  if (owner !== undefined) await chown(file, owner.uid, owner.gid)
}

/** Makes a directory and those above it that are missing; all that it makes belongs to the owner, who must be able to go there. */
async function makeDirectory(directory: string, owner: Owner | undefined): Promise<void> {
  const first = (await mkdir(directory, { recursive: true, mode: 0o700 })) ?? directory
  if (owner === undefined) return
  for (let path = directory; ; path = dirname(path)) {
    await chown(path, owner.uid, owner.gid)
    if (path === first || path === dirname(path)) return
  }
}
