import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatapipeError } from '../../base/errors.ts'
import { type Matrix, matrixSchema } from './matrix.ts'

/**
 * The matrix that stands in the directory, or undefined when none does. One that cannot be read as a matrix of this version is `usage`: its rows
 * are somebody's evidence, and are not to be overwritten by a run that was to be added to them.
 */
export async function readMatrix(directory: string): Promise<Matrix | undefined> {
  const path = join(directory, 'matrix.json')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new DatapipeError('storage-failed', 'the matrix could not be read', { path, cause })
  }
  try {
    return matrixSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new DatapipeError('usage', 'what stands there is not a matrix of this version, so no run can be added to it', {
      path,
      hint: 'leave --add out to write a new matrix over it, or name another directory with --reports',
      cause,
    })
  }
}
