import { existsSync } from 'node:fs'
import { chown, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PostgresConfig } from '../../base/config.ts'
import type { PostgresPart } from './part.ts'
import type { Owner } from './server-owner.ts'
import { knownHistories } from './wal-archive.ts'

/**
 * Puts the history files of every timeline that the source's archive knows beside the restored WAL. A promoting server takes the first
 * number whose history file `restore_command` cannot find: without them a second restore would take a timeline that is in use already,
 * and its segments would collide with the first one's in an archive.
 */
export async function restoreHistories({
  directory,
  config,
  part,
  owner,
}: {
  directory: string
  config: PostgresConfig
  part: PostgresPart
  owner: Owner | undefined
}): Promise<void> {
  if (config.archive.mode !== 'directory') return
  for (const { name, bytes } of await knownHistories(config.archive.path, part.server.systemIdentifier)) {
    const file = join(directory, name)
    if (existsSync(file)) continue
    await writeFile(file, bytes, { mode: 0o600 })
    if (owner !== undefined) await chown(file, owner.uid, owner.gid)
  }
}
