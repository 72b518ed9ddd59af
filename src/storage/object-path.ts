import { DatapipeError } from '../base/errors.ts'

/** Names that begin so are unfinished writes of `local.ts`; no object may be called that. */
export const temporaryPrefix = '.datapipe-tmp-'

/** The reason why `path` cannot name an object, or undefined when it can. Limits are those of every backend: 255 bytes a name, 1024 in all. */
export function objectPathProblem(path: string): string | undefined {
  if (path === '') return 'is empty'
  if (path.includes('\0')) return 'holds a NUL'
  if (Buffer.byteLength(path) > 1024) return 'is longer than 1024 bytes'
  for (const name of path.split('/')) {
    if (name === '') return 'has an empty part'
    if (name === '.' || name === '..') return `has a part ${name}`
    if (name.startsWith(temporaryPrefix)) return `has a part that begins with ${temporaryPrefix}`
    if (Buffer.byteLength(name) > 255) return 'has a part longer than 255 bytes'
  }
  return undefined
}

/** Throws `storage-failed` when `path` cannot name an object. */
export function checkObjectPath(path: string): void {
  const problem = objectPathProblem(path)
  if (problem !== undefined) throw new DatapipeError('storage-failed', `not a storage path: ${JSON.stringify(path)} ${problem}`, { path })
}

/** Byte order of two paths: what `list` promises, and what object stores do. */
export function comparePaths(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
