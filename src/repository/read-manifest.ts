import { createHash } from 'node:crypto'
import { z } from 'zod'
import { DatapipeError } from '../base/errors.ts'
import type { Storage } from '../storage/storage.ts'
import { manifestPath, manifestSumPath } from './layout.ts'
import { type Manifest, manifestFormat, manifestSchema } from './manifest.ts'
import { parseStored, readBytes } from './read-json.ts'

/** One reader for every format that was ever written; each gives today's manifest. A new format adds a line, old ones stay for ever. */
const readers: Record<number, (text: string, path: string) => Manifest> = {
  1: (text, path) => parseStored(manifestSchema, text, path),
}

const versionSchema = z.looseObject({ format: z.number().int().positive() })

/**
 * The manifest of a finished backup, checked against its SHA-256.
 * Throws `artifact-missing` (no manifest), `artifact-damaged`, `format-too-new`.
 */
export async function readManifest(storage: Storage, id: string): Promise<Manifest> {
  const path = manifestPath(id)
  const bytes = await readBytes(storage, path)
  const recorded = await readSum(storage, id)
  const actual = createHash('sha256').update(bytes).digest('hex')
  if (recorded !== actual) throw new DatapipeError('artifact-damaged', `${path} has sha256 ${actual}, ${recorded} was recorded`, { path })
  const text = bytes.toString('utf8')
  const { format } = parseStored(versionSchema, text, path)
  if (format > manifestFormat) {
    throw new DatapipeError('format-too-new', `backup ${id} has format ${format}; this version knows up to ${manifestFormat}`, { path })
  }
  const read = readers[format]
  if (read === undefined) throw new DatapipeError('artifact-damaged', `${path} has format ${format}, which never existed`, { path })
  const manifest = read(text, path)
  if (manifest.id !== id) throw new DatapipeError('artifact-damaged', `${path} is the manifest of ${manifest.id}`, { path })
  return manifest
}

async function readSum(storage: Storage, id: string): Promise<string> {
  const path = manifestSumPath(id)
  const sum = /^([0-9a-f]{64}) {2}manifest\.json\n$/.exec((await readBytes(storage, path)).toString('utf8'))?.[1]
  if (sum === undefined) throw new DatapipeError('artifact-damaged', `${path} holds no checksum`, { path })
  return sum
}
