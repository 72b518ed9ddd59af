import { createWriteStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DatapipeError } from '../../base/errors.ts'

/**
 * Writes a file whole or not at all: beside its place, synced, then renamed. Refuses one that is there already (`target-not-empty`): an export never
 * overwrites. What `chunks` throws comes out as it is, everything else as `storage-failed`.
 */
export async function writeFileWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  await refuseFile(path)
  const temporary = `${path}.${process.pid}.tmp`
  try {
    await mkdir(dirname(path), { recursive: true })
    await pipeline(Readable.from(chunks, { objectMode: false }), createWriteStream(temporary, { flush: true }))
    await rename(temporary, path)
    const directory = await open(dirname(path))
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  } catch (cause) {
    if (cause instanceof DatapipeError) throw cause
    throw new DatapipeError('storage-failed', 'the export could not be written', { path, cause })
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Throws `target-not-empty` for a file that is there: what is written in the end must be known to have a place in the beginning. */
export async function refuseFile(path: string): Promise<void> {
  if (await isThere(path))
    throw new DatapipeError('target-not-empty', `${path} is there already`, { path, hint: 'export into another directory, or remove it first' })
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw new DatapipeError('storage-failed', 'the directory cannot be read', { path, cause: error })
  }
}
