import type { DatapipeConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { baseBackup } from '../../components/postgres/base-backup.ts'
import { startWalCapture } from '../../components/postgres/capture-wal.ts'
import { lockRepository } from '../../repository/lock.ts'
import { initRepository } from '../../repository/marker.ts'
import { openStorage } from '../../storage/open-storage.ts'
import { refuseUncuttable } from '../cut/refuse-uncuttable.ts'
import { beginBackup } from './begin.ts'
import { capturingConnectors } from './capturing.ts'
import { recording } from './recording.ts'
import { lookAtSources } from './sources.ts'
import { settledNow } from './settled-ends.ts'
import { makeSpool } from './spool.ts'
import { standsAlone } from './stands-alone.ts'
import type { StoreOptions } from './store-backup.ts'

export interface PrepareOptions {
  config: DatapipeConfig
  fresh?: boolean
  full?: boolean
  label?: string
  withoutBarrier?: boolean
}

/**
 * Everything up to the recovery point, held while `use` works: the locked repository, the backup that is begun or gone on with, WAL capture,
 * and the base backup.
 */
export async function withPrepared<T>(options: PrepareOptions, outer: Context, use: (prepared: StoreOptions) => Promise<T>): Promise<T> {
  const { config } = options
  const startedAt = outer.now().toISOString()
  const recorded = recording(outer)
  const { context } = recorded
  const storage = openStorage(config.repository.url)
  const layout = await initRepository(storage, context)
  await using _lock = await lockRepository(storage, 'backup', context)
  // First of all: a killed backup may have left connectors stopped, and what is looked at next must be the pipeline as it is meant to be.
  const writer = await beginBackup({ storage, fresh: options.fresh ?? false, config, context })
  const sources = await inPhase(context, 'look at the servers', () => lookAtSources(config, context))
  if (options.withoutBarrier) refuseUncuttable(capturingConnectors(sources))
  const settled = await settledNow(config, sources.topics, context)
  await using spool = await makeSpool(context)
  const { postgres } = config
  await using wal =
    postgres && (await startWalCapture({ config: postgres, spoolDirectory: spool.directory, writer: writer.component('postgres'), context }))
  const base =
    postgres && (await inPhase(context, 'base backup', () => baseBackup({ config: postgres, writer: writer.component('postgres'), context })))
  return await use({
    config,
    storage,
    writer,
    sources,
    postgres: wal && base && { wal, base },
    full: options.full === true || standsAlone(layout, context),
    label: options.label,
    startedAt,
    recording: recorded,
    withoutBarrier: options.withoutBarrier ?? false,
    settled: settled === undefined ? [] : [settled],
  })
}
