import type { PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { connectPostgres, postgresAddress } from '../../clients/postgres.ts'
import type { CheckItem } from '../component.ts'
import { checkReceived, checkReplicationConnection } from './check-replication.ts'
import { type PostgresProbe, probePostgres } from './probe.ts'
import { findPostgresTools, type PostgresTools } from './tools.ts'
import { directoryArchive } from './wal-archive.ts'

/** How long one forced segment may take into the archive before the check says that archiving does not work. */
const archiveLimitMs = 60_000

/** Everything that a backup needs of PostgreSQL, tried out. A list: what fails does not hide what follows. */
export async function checkPostgres(config: PostgresConfig, context: Context): Promise<CheckItem[]> {
  const { host, port, user } = postgresAddress(config.url)
  let probe: PostgresProbe
  try {
    probe = await probePostgres(config, context)
  } catch (error) {
    const known = error instanceof DatapipeError && error.code !== 'unreachable' ? error : undefined
    return [
      failed(`${host}:${port} answers`, describeError(error), known?.hint ?? 'start the server, or correct postgres.url'),
      { component: 'postgres', name: 'everything else', verdict: 'not run', detail: known ? 'no session' : 'no server' },
      await checkTools(config, undefined),
    ]
  }
  return [
    passed(`${host}:${port} answers`, `PostgreSQL ${probe.version}, system ${probe.systemIdentifier}, timeline ${probe.timeline}`),
    verdict('server is a primary', !probe.inRecovery, probe.inRecovery ? 'in recovery' : 'yes', 'put the primary into postgres.url'),
    verdict(
      `role ${user} may replicate`,
      probe.role.replication,
      probe.role.superuser ? 'superuser' : `rolreplication ${probe.role.replication}`,
      `ALTER ROLE ${user} REPLICATION`,
    ),
    verdict(
      'role may read all data',
      probe.role.mayReadAllData,
      probe.role.mayReadAllData ? 'yes' : 'no: diff and inventory need it',
      `GRANT pg_read_all_data TO ${user}`,
    ),
    verdict(
      'role may make restore points and switch WAL',
      probe.role.mayCreateRestorePoint && probe.role.maySwitchWal,
      `pg_create_restore_point ${probe.role.mayCreateRestorePoint}, pg_switch_wal ${probe.role.maySwitchWal}`,
      `GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO ${user}`,
    ),
    verdict('wal_level is logical', probe.walLevel === 'logical', probe.walLevel, 'ALTER SYSTEM SET wal_level = logical, then restart'),
    await checkRoom(config, probe, context),
    checkKeepSize(probe),
    ...(config.guardSlot === undefined ? [] : [checkGuard(config.guardSlot, probe)]),
    verdict(
      'no prepared transactions',
      probe.preparedTransactions.length === 0,
      probe.preparedTransactions.map(({ gid, prepared }) => `${gid} since ${prepared}`).join(', ') || 'none',
      'COMMIT PREPARED or ROLLBACK PREPARED each one: they block slots after a restore',
      'warning',
    ),
    await checkTools(config, probe.majorVersion),
    await checkReplicationConnection(config, context),
    ...(config.archive.mode === 'directory'
      ? [await checkArchive(config.archive.path, config, probe, context)]
      : [checkReceive(config.archive.slot, probe), await checkReceived(config, probe, context)]),
  ]
}

async function checkTools(config: PostgresConfig, majorVersion: number | undefined): Promise<CheckItem> {
  try {
    const tools: PostgresTools = await findPostgresTools(config, majorVersion)
    return passed('PostgreSQL programs', `${tools.version} in ${tools.directory}`)
  } catch (error) {
    return failed('PostgreSQL programs', describeError(error), error instanceof DatapipeError ? error.hint : undefined)
  }
}

/** A base backup takes one WAL sender; `receive` one more, and a slot where its own is not there yet. */
async function checkRoom(config: PostgresConfig, probe: PostgresProbe, context: Context): Promise<CheckItem> {
  const name = 'free replication slots and senders'
  try {
    await using client = await connectPostgres(config.url, { signal: context.signal })
    const [row] = await client.query<{ slots: string; senders: string }>(
      `SELECT (current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots))::text AS slots,
              (current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_replication))::text AS senders`,
    )
    const receiving = config.archive.mode === 'receive' ? 1 : 0
    const slotExists = config.archive.mode === 'receive' && probe.allSlots.some((slot) => slot.name === (config.archive as { slot?: string }).slot)
    const enough = Number(row?.slots) >= (slotExists ? 0 : receiving) && Number(row?.senders) >= 1 + receiving
    return verdict(name, enough, `${row?.slots} slots, ${row?.senders} senders free`, 'raise max_replication_slots and max_wal_senders, then restart')
  } catch (error) {
    return failed(name, describeError(error))
  }
}

/** Slots without a limit fill the disk when nobody reads them; with a limit they can lose WAL. Either is worth knowing. */
function checkKeepSize(probe: PostgresProbe): CheckItem {
  const name = 'replication slots keep what they need'
  const lost = probe.allSlots.filter(({ walStatus }) => walStatus === 'lost' || walStatus === 'unreserved')
  const limit = probe.settings.max_slot_wal_keep_size ?? '-1'
  const kept = probe.allSlots.map((slot) => `${slot.name} keeps ${slot.retainedBytes ?? '?'} bytes${slot.active ? '' : ', inactive'}`).join('; ')
  const detail = `max_slot_wal_keep_size ${limit}${kept === '' ? '' : `; ${kept}`}`
  if (lost.length === 0) return passed(name, detail)
  return failed(
    name,
    `${lost.map((slot) => `${slot.name} is ${slot.walStatus}`).join(', ')}; ${detail}`,
    'raise max_slot_wal_keep_size, make the slot anew',
  )
}

/** Nobody reads a guard slot: it keeps the WAL since the newest recovery point, and a limit on that may take it away. */
function checkGuard(guard: string, probe: PostgresProbe): CheckItem {
  const name = `guard slot ${guard} is kept`
  const slot = probe.allSlots.find((candidate) => candidate.name === guard)
  if (slot === undefined)
    return { ...passed(name, 'it is not there yet: the next backup makes it'), verdict: 'warning', next: 'run `datapipe backup`' }
  if (slot.type !== 'logical' || slot.walStatus === 'lost')
    return failed(
      name,
      slot.type === 'logical' ? 'it has lost its WAL' : 'it is a physical slot',
      `SELECT pg_drop_replication_slot('${guard}'); back up again`,
    )
  const limit = probe.settings.max_slot_wal_keep_size ?? '-1'
  const detail = `it stands at ${slot.confirmedFlushLsn ?? '?'} and keeps ${slot.retainedBytes ?? '?'} bytes of WAL`
  if (limit === '-1') return passed(name, `${detail}; max_slot_wal_keep_size is -1: it keeps all, until the disk is full`)
  return {
    ...passed(name, `${detail}; max_slot_wal_keep_size ${limit} MB takes it away when more is written between two backups`),
    verdict: 'warning',
    next: 'back up more often than so much WAL is written, or raise max_slot_wal_keep_size',
  }
}

function checkReceive(slot: string, probe: PostgresProbe): CheckItem {
  const name = `WAL can be received through slot ${slot}`
  const there = probe.allSlots.find((candidate) => candidate.name === slot)
  if (there === undefined) {
    return verdict(name, probe.role.replication, probe.role.replication ? 'the slot will be made for each backup' : 'the role may not replicate')
  }
  if (there.type !== 'physical') return failed(name, 'it is a logical slot', 'choose another postgres.archive.slot')
  if (there.active) return failed(name, 'it is in use by another receiver', 'choose another postgres.archive.slot')
  return {
    ...passed(name, `it exists and keeps ${there.retainedBytes ?? '?'} bytes of WAL on the server`),
    verdict: 'warning',
    next: `SELECT pg_drop_replication_slot('${slot}'), unless it is there on purpose`,
  }
}

/** End to end: a restore point, a segment switch, and the segment must appear in the archive (as pgBackRest's `check` does). */
async function checkArchive(path: string, config: PostgresConfig, probe: PostgresProbe, context: Context): Promise<CheckItem> {
  const name = `archiving into ${path} works`
  if (probe.archiveMode === 'off') return failed(name, 'archive_mode is off', 'ALTER SYSTEM SET archive_mode = on, then restart')
  if (probe.archiveCommand === '' && probe.archiveLibrary === '') {
    return failed(
      name,
      'archive_command is empty (a restored server has it so, to stay out of the archive of its source)',
      'give this server an archive of its own: ALTER SYSTEM RESET archive_command, or SET it; SELECT pg_reload_conf()',
    )
  }
  try {
    await using client = await connectPostgres(config.url, { signal: context.signal })
    const [row] = await client.query<{ segment: string }>(
      "SELECT pg_walfile_name(pg_create_restore_point('datapipe check') - 1) AS segment, pg_switch_wal()",
    )
    const segment = row?.segment ?? ''
    const started = performance.now()
    const source = directoryArchive(path, probe.systemIdentifier)
    await waitUntil(() => source.find(segment), {
      what: `segment ${segment}`,
      timeoutMs: archiveLimitMs,
      signal: context.signal,
      lastWords: async () => {
        const [failure] = await client.query<{ wal: string | null; at: string | null }>(
          'SELECT last_failed_wal AS wal, last_failed_time::text AS at FROM pg_stat_archiver',
        )
        return failure?.wal ? `the archiver failed last on ${failure.wal} at ${failure.at}` : 'the archiver reports no failure'
      },
    })
    return passed(name, `segment ${segment} arrived after ${((performance.now() - started) / 1000).toFixed(1)} s`)
  } catch (error) {
    return failed(name, describeError(error), `archive_command is ${probe.archiveCommand}; look into the server's log`)
  }
}

function verdict(name: string, good: boolean, detail: string, next?: string, bad: 'fail' | 'warning' = 'fail'): CheckItem {
  return { component: 'postgres', name, verdict: good ? 'pass' : bad, detail, ...(good || next === undefined ? {} : { next }) }
}

const passed = (name: string, detail: string) => verdict(name, true, detail)
const failed = (name: string, detail: string, next?: string) => verdict(name, false, detail, next)
