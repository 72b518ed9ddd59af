import type { DatapipeConfig } from '../base/config.ts'
import type { Context } from '../base/context.ts'
import { withPrepared } from './backup/prepare.ts'
import { type BackupResult, storeBackup } from './backup/store-backup.ts'

export type { BackupResult } from './backup/store-backup.ts'

export interface BackupOptions {
  config: DatapipeConfig
  /** Begin anew instead of going on with an unfinished backup. */
  fresh?: boolean
  /** Store all records of the topics, also those that earlier backups hold. */
  full?: boolean
  /** Stop no connector: the topics are cut by transaction. */
  withoutBarrier?: boolean
  /** A word of the user's, kept in the manifest. */
  label?: string
}

/**
 * Backs up every configured component to one recovery point while the pipeline runs. Order: WAL capture, base backup, barrier (the
 * connectors stop, the database does not) or a point by transaction (nothing stops), then side by side what belongs to the point: WAL up to it, what the topics have got since the
 * backup before, registry, connectors. The manifest is written last. Exit code 22 when `findings` list something that could not be stored.
 */
export async function backup(options: BackupOptions, outer: Context): Promise<BackupResult> {
  const started = performance.now()
  const { result } = await withPrepared(options, outer, storeBackup)
  return { ...result, seconds: (performance.now() - started) / 1000 }
}
