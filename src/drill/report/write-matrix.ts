import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatapipeError } from '../../base/errors.ts'
import { type Matrix, matrixSchema } from './matrix.ts'
import { matrixHtml } from './matrix-html.ts'
import { matrixJunit } from './matrix-junit.ts'
import { matrixMarkdown } from './matrix-markdown.ts'

/**
 * Writes `matrix.json`, `matrix.md`, `matrix.html` and `matrix.junit.xml` into the directory, each whole or not at all. Returns their paths.
 * A matrix that breaks its schema is `internal` and nothing is written; a directory that cannot be written is `storage-failed`.
 */
export async function writeMatrix(matrix: Matrix, directory: string): Promise<string[]> {
  const parsed = matrixSchema.safeParse(matrix)
  if (!parsed.success)
    throw new DatapipeError('internal', `the matrix breaks its schema: ${parsed.error.issues.map((issue) => issue.message).join('; ')}`, {
      path: 'matrix.json',
      cause: parsed.error,
    })
  const forms = {
    'matrix.json': `${JSON.stringify(parsed.data, null, 2)}\n`,
    'matrix.md': matrixMarkdown(parsed.data),
    'matrix.html': matrixHtml(parsed.data),
    'matrix.junit.xml': matrixJunit(parsed.data),
  }
  const written: string[] = []
  for (const [name, text] of Object.entries(forms)) {
    const path = join(directory, name)
    try {
      await mkdir(directory, { recursive: true })
      await writeWhole(path, text)
    } catch (cause) {
      throw new DatapipeError('storage-failed', 'the report could not be written', { path, cause })
    }
    written.push(path)
  }
  return written
}

/** Beside the target, synced, then renamed over it. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const file = await open(temporary, 'w')
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
}
