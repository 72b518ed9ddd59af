import { DatapipeError } from '../base/errors.ts'

/** Turns what the file system threw while working on `path` into `storage-failed` or `artifact-missing`; our own errors pass through. */
export function storageError(error: unknown, doing: string, path: string): DatapipeError {
  if (error instanceof DatapipeError) return error
  const code = errorCode(error)
  // What is being written is not missing: its directory cannot be made (a read-only disk says ENOENT).
  if (doing !== 'writing' && (code === 'ENOENT' || code === 'EISDIR')) return missing(path, error)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const what = code === 'ENOSPC' ? 'no space left on device' : 'disk quota exceeded'
    return new DatapipeError('storage-failed', `${what} while ${doing} ${path}`, { path, cause: error, hint: 'free space, then run it again' })
  }
  return new DatapipeError('storage-failed', `failed ${doing} ${path}`, { path, cause: error })
}

export function missing(path: string, cause?: unknown): DatapipeError {
  return new DatapipeError('artifact-missing', `no such object: ${path}`, { path, cause })
}

export function alreadyThere(path: string): DatapipeError {
  return new DatapipeError('storage-failed', `already there, and nothing is ever overwritten: ${path}`, {
    path,
    hint: 'run `datapipe verify` to see what is stored',
  })
}

/** The errno name (`ENOENT`) of a system error. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
