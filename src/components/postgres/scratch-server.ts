import { existsSync } from 'node:fs'
import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FencedServer } from './fenced-server.ts'
import { type RestoreOptions, restorePostgres } from './restore.ts'
import { serverOwner } from './server-owner.ts'

export type ScratchOptions = Omit<RestoreOptions, 'scratch' | 'rollbackPrepared'> & {
  /** Where the temporary data directory goes; beside the configured one, else in the system's temporary directory, when left out. */
  directory?: string
}

/**
 * Restores a backup into a temporary directory, recovered to its recovery point, and gives the server to `use` (`server.url` is the
 * superuser's over a private socket). Gone afterwards, whatever happens. Throws what restorePostgres throws.
 */
export async function withScratchServer<T>(options: ScratchOptions, use: (server: FencedServer) => Promise<T>): Promise<T> {
  const { directory: wanted, ...rest } = options
  const parent = wanted ?? placeFor(options.config.dataDirectory)
  await mkdir(parent, { recursive: true })
  const owner = await serverOwner(parent)
  const directory = await mkdtemp(join(parent, 'datapipe-scratch-'))
  try {
    if (owner !== undefined) await chown(directory, owner.uid, owner.gid)
    const config = { ...options.config, dataDirectory: join(directory, 'data') }
    await using server = await restorePostgres({ ...rest, config, scratch: true, rollbackPrepared: true })
    return await use(server)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Beside the data directory there is room for another one, and the server's user may go there. */
function placeFor(dataDirectory: string | undefined): string {
  const parent = dataDirectory === undefined ? undefined : dirname(dataDirectory)
  return parent !== undefined && existsSync(parent) ? parent : (process.env.TMPDIR ?? '/tmp')
}
