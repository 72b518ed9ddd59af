/**
 * Archives one WAL file, as PostgreSQL's `archive_command` asks for it. This file imports nothing of Datapipe: a copy of it works
 * alone, `node archive-wal.ts %p DIRECTORY`, next to a server whose user cannot read the rest.
 *
 *   DIRECTORY/<system identifier>/<timeline, 8 hex digits>/<file name>
 *
 * What PostgreSQL's documentation ("Continuous Archiving") demands: zero only when the file is stored for good; never overwrite a
 * different file; accept an identical one; exit codes above 125 would restart the archiver uncounted, so none is used.
 * Durable: the bytes go to a temporary file, which is fsynced, hard-linked to its name (link(2) fails when the name is taken, and
 * nobody ever sees half a file), and the directory is fsynced.
 */
import { randomBytes } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { type FileHandle, link, mkdir, open, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'

export class ArchiveError extends Error {
  /** `archive-conflict`: another file of that name is there; `archive-broken`: everything else. */
  readonly code: 'archive-conflict' | 'archive-broken'

  constructor(code: 'archive-conflict' | 'archive-broken', message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'ArchiveError'
    this.code = code
  }
}

export interface ArchivedWal {
  path: string
  /** True when an identical file was there already. */
  already: boolean
}

// <timeline><log><segment>, the same with .partial (the last segment of a timeline that was left) or .<offset>.backup; <timeline>.history
const fileName = /^([0-9A-F]{8})(?:[0-9A-F]{16}(?:\.partial|\.[0-9A-F]{8}\.backup)?|\.history)$/

/**
 * Stores the WAL file `source` (`%p`: relative to the data directory, which is `dataDirectory`) in the archive. Throws ArchiveError.
 * The system identifier is read from the data directory's pg_control and must be the one in the segment itself.
 */
export async function archiveWal(source: string, archive: string, dataDirectory = process.cwd()): Promise<ArchivedWal> {
  const name = basename(source)
  const timeline = fileName.exec(name)?.[1]
  if (timeline === undefined) throw new ArchiveError('archive-broken', `not the name of a WAL file: ${name}`)
  const from = resolve(dataDirectory, source)
  const identifier = await systemIdentifier(join(dataDirectory, 'global', 'pg_control'))
  if (/^[0-9A-F]{24}(\.partial)?$/.test(name)) await checkSegment(from, identifier, Number.parseInt(timeline, 16))
  const directory = join(archive, identifier.toString(), timeline)
  await makeDirectories(directory)
  const path = join(directory, name)
  if (await isStored(from, path)) return { path, already: true }
  const already = await storeOnce(from, path, directory)
  return { path, already }
}

/** Copies under a temporary name and links; when somebody else was faster, his file counts if it is identical. */
async function storeOnce(from: string, path: string, directory: string): Promise<boolean> {
  const temporary = join(directory, `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`)
  try {
    await copyDurably(from, temporary)
    try {
      await link(temporary, path)
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
      if (await isStored(from, path)) return true
    }
    await fsyncDirectory(directory)
    return false
  } catch (error) {
    if (error instanceof ArchiveError) throw error
    throw new ArchiveError('archive-broken', `cannot store ${path}`, error)
  } finally {
    await unlink(temporary).catch((error: unknown) => {
      if (!hasCode(error, 'ENOENT')) process.stderr.write(`datapipe archive-wal: cannot remove ${temporary}: ${String(error)}\n`)
    })
  }
}

/** True when `path` holds the same bytes, on disk for good; false when there is no such file; a conflict when it differs. */
async function isStored(from: string, path: string): Promise<boolean> {
  let stored: FileHandle
  try {
    stored = await open(path, 'r')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw new ArchiveError('archive-broken', `cannot read ${path}`, error)
  }
  const source = await open(from, 'r')
  try {
    if (!(await sameBytes(source, stored))) throw new ArchiveError('archive-conflict', `another file of this name is archived already: ${path}`)
    await stored.sync()
    await fsyncDirectory(dirname(path))
    return true
  } finally {
    await source.close()
    await stored.close()
  }
}

async function sameBytes(one: FileHandle, other: FileHandle): Promise<boolean> {
  if ((await one.stat()).size !== (await other.stat()).size) return false
  const a = Buffer.alloc(1 << 20)
  const b = Buffer.alloc(1 << 20)
  for (let position = 0; ; ) {
    const readA = await readFully(one, a, position)
    const readB = await readFully(other, b, position)
    if (readA !== readB || !a.subarray(0, readA).equals(b.subarray(0, readB))) return false
    if (readA === 0) return true
    position += readA
  }
}

async function copyDurably(from: string, to: string): Promise<void> {
  const source = await open(from, 'r')
  try {
    const target = await open(to, 'wx', 0o600)
    try {
      const buffer = Buffer.alloc(1 << 20)
      for (let position = 0; ; ) {
        const bytes = await readFully(source, buffer, position)
        if (bytes === 0) break
        for (let written = 0; written < bytes; ) {
          written += (await target.write(buffer, written, bytes - written, position + written)).bytesWritten
        }
        position += bytes
      }
      await target.sync()
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

async function readFully(file: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let filled = 0
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}

/** The first eight bytes of pg_control, in the byte order of the machine that wrote them (little endian on every one we support). */
async function systemIdentifier(pgControl: string): Promise<bigint> {
  return (await firstBytes(pgControl, 8)).readBigUInt64LE(0)
}

/**
 * The long header of a segment's first page: magic u16, info u16 (bit 1: long), timeline u32, page address u64, remaining u32,
 * padding u32, system identifier u64, segment size u32, page size u32 (access/xlog_internal.h).
 */
async function checkSegment(path: string, identifier: bigint, timeline: number): Promise<void> {
  const header = await firstBytes(path, 40)
  if ((header.readUInt16LE(2) & 2) === 0) throw new ArchiveError('archive-broken', `${path} does not begin with a WAL page`)
  const found = header.readBigUInt64LE(24)
  if (found !== identifier) {
    throw new ArchiveError('archive-broken', `${path} belongs to system ${found}, but pg_control says ${identifier}`)
  }
  // Timelines are compared loosely: the first segment of a new timeline may begin with pages that the old one wrote.
  if (header.readUInt32LE(4) > timeline) throw new ArchiveError('archive-broken', `${path} was written on timeline ${header.readUInt32LE(4)}`)
  const size = header.readUInt32LE(32)
  const bytes = (await stat(path)).size
  if (bytes !== size) throw new ArchiveError('archive-broken', `${path} has ${bytes} bytes instead of ${size}`)
}

async function firstBytes(path: string, count: number): Promise<Buffer> {
  try {
    const file = await open(path, 'r')
    try {
      const buffer = Buffer.alloc(count)
      if ((await readFully(file, buffer, 0)) === count) return buffer
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new ArchiveError('archive-broken', `cannot read ${path}`, error)
  }
  throw new ArchiveError('archive-broken', `${path} is too short`)
}

/** Makes the directories that are missing and fsyncs the parents of those it made. */
async function makeDirectories(directory: string): Promise<void> {
  try {
    const first = await mkdir(directory, { recursive: true, mode: 0o700 })
    if (first === undefined) return
    const stop = dirname(resolve(first))
    for (let current = dirname(resolve(directory)); ; current = dirname(current)) {
      await fsyncDirectory(current)
      if (current === stop || current === dirname(current)) return
    }
  } catch (error) {
    throw new ArchiveError('archive-broken', `cannot make ${directory}`, error)
  }
}

async function fsyncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

function isProgram(): boolean {
  const started = process.argv[1]
  return started !== undefined && realpathSync(started) === realpathSync(import.meta.filename)
}

if (isProgram()) {
  const [source, archive, ...rest] = process.argv.slice(2)
  if (source === undefined || archive === undefined || rest.length > 0) {
    process.stderr.write('usage: node archive-wal.ts PATH-OF-WAL-FILE DIRECTORY\n')
    process.exit(64)
  }
  try {
    await archiveWal(source, archive)
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''
    process.stderr.write(`datapipe archive-wal: ${error instanceof Error ? error.message : String(error)}${cause}\n`)
    process.exit(error instanceof ArchiveError && error.code === 'archive-conflict' ? 46 : 45)
  }
}
