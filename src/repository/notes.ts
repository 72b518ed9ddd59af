import { z } from 'zod'
import { DatapipeError } from '../base/errors.ts'
import { stringifyJson } from '../base/lossless-json.ts'
import type { Storage } from '../storage/storage.ts'
import { type Artifact, artifactSchema } from './artifact.ts'
import { notesPrefix } from './layout.ts'
import { parseStored, readBytes } from './read-json.ts'

const noteSchema = z.strictObject({
  component: artifactSchema.shape.component,
  key: z.string(),
  note: z.unknown(),
  artifacts: z.array(artifactSchema),
})
export type Note = z.infer<typeof noteSchema>

const notesOfOneShard = 1_000_000

/** Remembered work as `notes/NNNNNN.json`. */
export async function writeNote(storage: Storage, id: string, number: number, note: Note): Promise<void> {
  await storage.put(`${notesPrefix(id)}${String(number).padStart(6, '0')}.json`, [Buffer.from(`${stringifyJson(note)}\n`)])
}

/**
 * The notes of an unfinished backup whose artifacts are all there in their size, in order. A note that does not hold any more
 * (an artifact is missing or short, or the note itself is damaged) is removed: its work is done again. Shards are numbered from 1, and
 * their notes from a million times that, so that none reads, or uses, a number of another's.
 */
export async function takeNotes(storage: Storage, id: string, shard = 0): Promise<{ notes: Note[]; nextNumber: number }> {
  const notes: Note[] = []
  let last = shard * notesOfOneShard
  for (const path of await pathsUnder(storage, notesPrefix(id))) {
    const number = Number(/(\d+)\.json$/.exec(path)?.[1] ?? 0)
    if (Math.floor(number / notesOfOneShard) !== shard) continue
    last = Math.max(last, number)
    const note = await readNote(storage, path)
    if (note !== undefined && (await areThere(storage, note.artifacts))) notes.push(note)
    else await storage.remove(path)
  }
  return { notes, nextNumber: last + 1 }
}

/** Files that the notes of an unfinished backup name, wherever they lie. */
export async function takenFiles(storage: Storage, id: string): Promise<string[]> {
  const files: string[] = []
  for (const path of await pathsUnder(storage, notesPrefix(id))) {
    files.push(...((await readNote(storage, path))?.artifacts.map((artifact) => artifact.path) ?? []))
  }
  return files
}

async function readNote(storage: Storage, path: string): Promise<Note | undefined> {
  try {
    return parseStored(noteSchema, (await readBytes(storage, path)).toString('utf8'), path)
  } catch (error) {
    if (error instanceof DatapipeError && error.code === 'artifact-damaged') return undefined
    throw error
  }
}

/** True when each is there in its size. */
export async function areThere(storage: Storage, artifacts: readonly Artifact[]): Promise<boolean> {
  for (const { path, bytes } of artifacts) {
    if (!(await storage.exists(path)) || (await storage.stat(path)).bytes !== bytes) return false
  }
  return true
}

export async function pathsUnder(storage: Storage, prefix: string): Promise<string[]> {
  const paths: string[] = []
  for await (const { path } of storage.list(prefix)) paths.push(path)
  return paths
}
