import type { DatapipeConfig } from '../base/config.ts'
import type { Context } from '../base/context.ts'
import { answers } from '../base/errors.ts'
import { type BackupEntry, listBackups } from '../repository/list-backups.ts'
import { openStorage } from '../storage/open-storage.ts'

export interface ListOptions {
  config: DatapipeConfig
}

export interface ListResult {
  exitCode: number
  url: string
  /** Oldest first. */
  backups: BackupEntry[]
}

/** Every backup of the repository, unfinished and damaged ones too. Throws `backup-not-found` when there is no repository. */
export async function list({ config }: ListOptions, context: Context): Promise<ListResult> {
  const storage = openStorage(config.repository.url)
  return { exitCode: answers.ok, url: storage.url, backups: await listBackups(storage, context) }
}
