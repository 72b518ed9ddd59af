import { open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { timelineHex } from './wal-segment.ts'

/** Where finished WAL segments appear, whichever way they come. */
export interface WalSource {
  /** The path of a finished segment or history file; undefined when it is not there (yet). */
  find(name: string): Promise<string | undefined>
  /** What to say when a segment does not come. */
  describe(): Promise<string>
}

/** A directory as `datapipe archive-wal` fills it; a flat one (plain `cp %p`) is read as well. */
export function directoryArchive(path: string, systemIdentifier: string): WalSource {
  return {
    async find(name) {
      for (const candidate of [join(path, systemIdentifier, name.slice(0, 8), name), join(path, name)]) {
        if (await isFile(candidate)) return candidate
      }
      return undefined
    },
    async describe() {
      return `the archive ${path} holds nothing newer than ${(await newest(join(path, systemIdentifier))) ?? 'nothing at all'} of this system`
    },
  }
}

/** pg_receivewal's directory: a segment counts once it has lost its `.partial`. */
export function spoolArchive(path: string): WalSource {
  return {
    async find(name) {
      const candidate = join(path, name)
      return (await isFile(candidate)) ? candidate : undefined
    },
    async describe() {
      return `pg_receivewal has received ${(await readdir(path)).sort().slice(-3).join(', ') || 'nothing'}`
    },
  }
}

/** The history files of every timeline that an archive directory knows of this system: a new server must not take a number again. */
export async function knownHistories(path: string, systemIdentifier: string): Promise<{ name: string; bytes: Buffer }[]> {
  const timelines = (await readdir(join(path, systemIdentifier)).catch(missingIsEmpty)).filter((name) => /^[0-9A-F]{8}$/.test(name))
  const histories: { name: string; bytes: Buffer }[] = []
  for (const timeline of timelines) {
    const name = `${timelineHex(Number.parseInt(timeline, 16))}.history`
    const file = join(path, systemIdentifier, timeline, name)
    if (await isFile(file)) histories.push({ name, bytes: await readFile(file) })
  }
  return histories
}

/** The first bytes of a file: enough for a segment's header. */
export async function readHead(path: string, bytes = 40): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const buffer = Buffer.alloc(bytes)
    const { bytesRead } = await file.read(buffer, 0, bytes, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

async function newest(directory: string): Promise<string | undefined> {
  const names: string[] = []
  for (const timeline of await readdir(directory).catch(missingIsEmpty)) {
    names.push(...(await readdir(join(directory, timeline))).filter((name) => /^[0-9A-F]{24}$/.test(name)))
  }
  return names.sort().at(-1)
}

function missingIsEmpty(error: unknown): string[] {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
  throw error
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}
