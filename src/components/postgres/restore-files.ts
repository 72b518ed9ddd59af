import { createWriteStream } from 'node:fs'
import { chmod, chown, lchown, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { Artifact, ArtifactReader } from '../../repository/artifact.ts'
import { decompressed } from './compression.ts'
import type { PostgresPart } from './part.ts'
import type { Owner } from './server-owner.ts'
import { untar } from './tar.ts'

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
export async function unpackWal(directory: string, { part, reader, owner, context }: FilesOptions): Promise<void> {
  await rm(directory, { recursive: true, force: true })
  await makeDirectory(directory, owner)
  const files = [...part.wal.histories, ...part.wal.segments]
  let done = 0
  for (const { name, artifact } of files) {
    const file = join(directory, name)
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
    context.emit({ type: 'progress', task: 'unpack WAL', done: ++done, total: files.length, unit: 'items' })
  }
}

/** The decompressor often trips over damage before the checksum, which is known at the end only, tells of it. */
async function* decompressedFile(reader: ArtifactReader, artifact: Artifact, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* decompressed(reader.read(artifact), signal)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (!/^Z(STD)?_/.test(code)) throw error
    throw new DatapipeError('artifact-damaged', `${artifact.path} cannot be decompressed`, { path: artifact.path, cause: error })
  }
}

/** A WAL file that is not there is a gap in the chain; everything else stays what it is. */
export function asGap(error: unknown, name: string, artifact: Artifact): unknown {
  if (!(error instanceof DatapipeError) || error.code !== 'artifact-missing') return error
  return new DatapipeError('wal-gap', `WAL segment ${name} is missing from the repository`, { path: artifact.path, cause: error })
}

/**
 * Unpacks the base backup into the empty `dataDirectory` and its tablespaces. `global/pg_control` comes last, after the checksum of
 * every other byte has been found right: an interrupted restore can never be started by mistake.
 */
export async function unpackBase(
  dataDirectory: string,
  { part, reader, owner, context, tablespacePath }: FilesOptions & { tablespacePath: (tablespace: { oid: number; location: string }) => string },
): Promise<void> {
  let unpacked = 0
  for (const { tablespace, artifact } of part.base.archives) {
    const directory = tablespace === null ? dataDirectory : tablespacePath(tablespace)
    await makeDirectory(directory, owner)
    const counted = async function* () {
      for await (const chunk of decompressedFile(reader, artifact, context.signal)) {
        unpacked += chunk.byteLength
        context.emit({ type: 'progress', task: 'unpack base backup', done: unpacked, total: part.base.bytes, unit: 'bytes' })
        yield chunk
      }
    }
    await untar(counted(), directory, { owner, signal: context.signal })
    if (tablespace === null) continue
    const link = join(dataDirectory, 'pg_tblspc', String(tablespace.oid))
    await symlink(directory, link)
    if (owner !== undefined) await lchown(link, owner.uid, owner.gid)
  }
  await chmod(dataDirectory, 0o700)
  // Without this file a server would come up from the backup's checkpoint, not at the recovery point.
  await own(join(dataDirectory, 'recovery.signal'), Buffer.alloc(0), owner)
  await own(join(dataDirectory, 'global', 'pg_control'), await reader.readAll(part.base.control), owner)
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
