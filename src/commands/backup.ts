import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { baseBackup } from '../components/postgres/base-backup.ts'
import { startWalCapture } from '../components/postgres/capture-wal.ts'
import { lockRepository } from '../repository/lock.ts'
import { initRepository } from '../repository/marker.ts'
import { openStorage } from '../storage/open-storage.ts'
import { beginBackup } from './backup/begin.ts'
import { recording } from './backup/recording.ts'
import { standsAlone } from './backup/stands-alone.ts'
import { lookAtSources } from './backup/sources.ts'
import { makeSpool } from './backup/spool.ts'
import { type BackupResult, storeBackup } from './backup/store-backup.ts'

export type { BackupResult } from './backup/store-backup.ts'

export interface BackupOptions {
  config: DatapipeConfig
  /** Begin anew instead of going on with an unfinished backup. */
  fresh?: boolean
  /** Store all records of the topics, also those that earlier backups hold. */
  full?: boolean
  /** A word of the user's, kept in the manifest. */
  label?: string
}

/**
 * Backs up every configured component to one recovery point while the pipeline runs. Order: WAL capture, base backup, barrier (the
 * connectors stop, the database does not), then side by side what belongs to the point: WAL up to it, what the topics have got since the
 * backup before, registry, connectors. The manifest is written last. Exit code 22 when `findings` list something that could not be stored.
 */
export async function backup(options: BackupOptions, outer: Context): Promise<BackupResult> {
  const { config } = options
  const started = performance.now()
  const startedAt = outer.now().toISOString()
  const recorded = recording(outer)
  const { context } = recorded
  const storage = openStorage(config.repository.url)
  const layout = await initRepository(storage, context)
  await using _lock = await lockRepository(storage, 'backup', context)
  // First of all: a killed backup may have left connectors stopped, and what is looked at next must be the pipeline as it is meant to be.
  const writer = await beginBackup({ storage, fresh: options.fresh ?? false, config, context })
  const sources = await inPhase(context, 'look at the servers', () => lookAtSources(config, context))
  await using spool = await makeSpool(context)
  const spoolDirectory = spool.directory
  const { postgres } = config
  await using wal = postgres && (await startWalCapture({ config: postgres, spoolDirectory, writer: writer.component('postgres'), context }))
  const base =
    postgres &&
    (await inPhase(context, 'base backup', () => baseBackup({ config: postgres, writer: writer.component('postgres'), spoolDirectory, context })))
  const { result } = await storeBackup({
    config,
    storage,
    writer,
    sources,
    postgres: wal && base && { wal, base },
    full: options.full === true || standsAlone(layout, context),
    label: options.label,
    startedAt,
    recording: recorded,
  })
  return { ...result, seconds: (performance.now() - started) / 1000 }
}
