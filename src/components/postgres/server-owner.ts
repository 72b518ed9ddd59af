import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatapipeError } from '../../base/errors.ts'

export interface Owner {
  uid: number
  gid: number
}

/**
 * Whose the files of a restored data directory must be: the directory's own owner when it exists, else that of the nearest directory
 * above it. PostgreSQL refuses to run as root, so where that is root's, it is the user `postgres` (or `nobody`, on machines without).
 * Undefined when we are not root: then they are ours.
 */
export async function serverOwner(directory: string): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined
  for (let path = directory; ; path = dirname(path)) {
    const there = await stat(path).catch(ignoreMissing)
    if (there !== undefined && there.uid !== 0) return { uid: there.uid, gid: there.gid }
    if (there !== undefined || path === dirname(path)) return databaseAccount(directory)
  }
}

async function databaseAccount(directory: string): Promise<Owner> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const wanted of ['postgres', 'nobody']) {
    const found = lines.find(([name]) => name === wanted)
    if (found?.[2] !== undefined && found[3] !== undefined) return { uid: Number(found[2]), gid: Number(found[3]) }
  }
  throw new DatapipeError('not-supported', `${directory} would belong to root, and PostgreSQL refuses to run as root`, {
    path: 'postgres.dataDirectory',
    hint: "make the directory and chown it to the server's user",
  })
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined
  throw error
}
