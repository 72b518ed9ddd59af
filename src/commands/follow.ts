import { setTimeout as sleep } from 'node:timers/promises'
import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { DatapipeError, describeError, type ErrorCode } from '../base/errors.ts'
import { parseLsn } from '../base/lsn.ts'
import { startWalCapture } from '../components/postgres/capture-wal.ts'
import { expire, type KeepPolicy, planExpiry } from '../repository/expire.ts'
import { lockRepository } from '../repository/lock.ts'
import { initRepository } from '../repository/marker.ts'
import { openStorage } from '../storage/open-storage.ts'
import type { BackupWriter } from '../repository/write-backup.ts'
import type { Storage } from '../storage/storage.ts'
import { capturingConnectors } from './backup/capturing.ts'
import { beginBackup, newBackup } from './backup/begin.ts'
import { type HeldBase, holdBase } from './backup/hold-base.ts'
import { recording } from './backup/recording.ts'
import { refuseUncuttable } from './cut/refuse-uncuttable.ts'
import { lookAtSources } from './backup/sources.ts'
import { type SettledEnds, settledNow, stillUseful } from './backup/settled-ends.ts'
import { makeSpool } from './backup/spool.ts'
import { type BackupResult, storeBackup } from './backup/store-backup.ts'

export interface FollowOptions {
  config: DatapipeConfig
  /** Seconds from one recovery point to the next (default 60). */
  every?: number
  /** Hours after which PostgreSQL's base backup is taken anew (default 24): what a restore has to replay at most. */
  baseEvery?: number
  fresh?: boolean
  /** The first point stores all records of the topics. */
  full?: boolean
  /** Stop no connector: the topics are cut by transaction. */
  withoutBarrier?: boolean
  label?: string
  /** After each point old backups go, as `expire` would do it. */
  keepLast?: number
  keepDays?: number
}

export interface FollowResult {
  /** 0, or 22 when the last point has gaps. */
  exitCode: number
  points: number
  last: BackupResult
  seconds: number
}

/** So many points in a row may fail, for reasons that pass, before it gives up. */
const mostFailures = 5
const passing = new Set<ErrorCode>([
  'unreachable',
  'timeout',
  'barrier-not-reached',
  'server-refused',
  'archive-broken',
  'wal-gap',
  'tool-failed',
  'group-not-applied',
])

/**
 * Goes on backing up: a recovery point every so many seconds, each a backup that builds on the one before, with one base backup of PostgreSQL
 * for many and WAL that is received all the time. When `outer.signal` asks for it, it takes a last point and returns; before the first one
 * that is an interruption as in every backup. The repository is locked all the while. Throws as `backup` at its first point, later only
 * after several failures in a row.
 */
export async function follow(options: FollowOptions, outer: Context): Promise<FollowResult> {
  const { config, every = 60 } = options
  const started = performance.now()
  const calm: Context = { signal: new AbortController().signal, now: () => outer.now(), emit: (event) => outer.emit(event) }
  const storage = openStorage(config.repository.url)
  if ((await initRepository(storage, calm)) < 2) {
    throw new DatapipeError('not-supported', 'in a repository of layout 1 no backup can build on another', {
      path: config.repository.url,
      hint: 'follow into a new repository',
    })
  }
  await using _lock = await lockRepository(storage, 'backup --follow', calm)
  const first = await beginBackup({ storage, fresh: options.fresh ?? false, config, context: outer })
  await using spool = await makeSpool(calm)
  const { postgres } = config
  await using wal =
    postgres && (await startWalCapture({ config: postgres, spoolDirectory: spool.directory, writer: first.component('postgres'), context: calm }))
  /** Undefined after a failed point: its work is to be taken over. */
  let next: BackupWriter | undefined = first
  let held: HeldBase | undefined
  let last: BackupResult | undefined
  /** Of the last points: what a cut need not read again. */
  let settled: SettledEnds[] = []
  let points = 0
  let failures = 0
  for (;;) {
    const stopping = outer.signal.aborted && last !== undefined
    const recorded = recording(last === undefined ? outer : calm)
    const { context } = recorded
    try {
      const writer = next ?? (await beginBackup({ storage, fresh: false, config, context }))
      const startedAt = context.now().toISOString()
      const sources = await inPhase(context, 'look at the servers', () => lookAtSources(config, context))
      if (options.withoutBarrier) refuseUncuttable(capturingConnectors(sources))
      const now = await settledNow(config, sources.topics, context)
      if (now !== undefined) settled.push(now)
      held =
        postgres && wal && sources.postgres
          ? await holdBase({
              held,
              config: postgres,
              probe: sources.postgres,
              wal,
              storage,
              writer: writer.component('postgres'),
              maxHours: options.baseEvery ?? 24,
              context,
            })
          : undefined
      const stored = await storeBackup({
        config,
        storage,
        writer,
        sources,
        postgres: wal && held && { wal, base: held.base, stored: held.wal },
        full: options.full === true && last === undefined,
        label: options.label,
        startedAt,
        recording: recorded,
        withoutBarrier: options.withoutBarrier ?? false,
        settled,
        // Before the notes of this one go: at every moment some notes say whose the slot is.
        beforeCommit: async () => {
          next = stopping ? undefined : await newBackup(storage, calm)
          if (next !== undefined) await wal?.rememberIn(next.component('postgres'))
        },
      })
      last = stored.result
      points++
      failures = 0
      if (held !== undefined && stored.postgres !== undefined) {
        held = { ...held, wal: stored.postgres.wal }
        const at = last.recoveryPoint.postgres?.lsn
        if (at !== undefined) settled = stillUseful(settled, parseLsn(at), parseLsn(held.base.stopLsn))
        await wal?.forget(stored.postgres.wal)
      }
      calm.emit({ type: 'log', level: 'info', message: committed(last) })
      await removeOld(storage, options, calm)
    } catch (error) {
      if (last === undefined || stopping || !(error instanceof DatapipeError) || !passing.has(error.code) || ++failures >= mostFailures) throw error
      // Its base and WAL may be what is wrong.
      held = undefined
      calm.emit({ type: 'log', level: 'warning', message: `no recovery point this time (${failures} of ${mostFailures}): ${describeError(error)}` })
      next = undefined
    }
    if (stopping && last !== undefined) {
      return { exitCode: last.exitCode, points, last, seconds: (performance.now() - started) / 1000 }
    }
    await pause(every * 1000, outer.signal)
  }
}

function committed({ id, artifacts, bytes, earlier, seconds }: BackupResult): string {
  return `recovery point committed: backup ${id}, ${artifacts - earlier.files} files and ${bytes - earlier.bytes} bytes new, ${seconds.toFixed(1)} s`
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** A manifest that cannot be read keeps everything where it is; the following goes on. */
async function removeOld(storage: Storage, { keepLast, keepDays }: FollowOptions, context: Context): Promise<void> {
  if (keepLast === undefined && keepDays === undefined) return
  const policy: KeepPolicy = { ...(keepLast === undefined ? {} : { last: keepLast }), ...(keepDays === undefined ? {} : { days: keepDays }) }
  try {
    await expire(storage, await planExpiry(storage, policy, context.now()), context)
  } catch (error) {
    if (!(error instanceof DatapipeError) || (error.code !== 'artifact-damaged' && error.code !== 'format-too-new')) throw error
    context.emit({ type: 'log', level: 'warning', message: `old backups stay: ${describeError(error)}` })
  }
}
