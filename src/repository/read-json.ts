import type { z } from 'zod'
import { DatapipeError } from '../base/errors.ts'
import { parseJson } from '../base/lossless-json.ts'
import type { Storage } from '../storage/storage.ts'

/** The whole object in memory: for small ones. Throws `artifact-missing`. */
export async function readBytes(storage: Storage, path: string): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of storage.get(path)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Parses JSON that we wrote. Throws `artifact-damaged` with the path and what does not fit. */
export function parseStored<T>(schema: z.ZodType<T>, text: string, path: string): T {
  const parsed = schema.safeParse(parseStoredJson(text, path))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const where = issue?.path.join('.') || 'its top level'
  throw new DatapipeError('artifact-damaged', `${path} does not fit its format at ${where}: ${issue?.message ?? 'invalid'}`, { path })
}

export function parseStoredJson(text: string, path: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    throw new DatapipeError('artifact-damaged', `${path} is not JSON`, { path, cause: error })
  }
}
