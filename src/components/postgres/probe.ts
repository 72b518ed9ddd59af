import type { PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { connectPostgres, type PgClient, postgresAddress } from '../../clients/postgres.ts'
import type { ServerPart } from './part.ts'
import { certificateSettings } from './server-certificates.ts'

/** A server as it stands: what the manifest keeps of it, and what a backup or a check must know. */
export interface PostgresProbe extends ServerPart {
  inRecovery: boolean
  walLevel: string
  archiveMode: string
  archiveCommand: string
  /** PostgreSQL 15's other way to archive; when it is set archive_command does not count. */
  archiveLibrary: string
  role: { name: string; superuser: boolean; replication: boolean; mayCreateRestorePoint: boolean; mayReadAllData: boolean; maySwitchWal: boolean }
  allSlots: SlotState[]
  preparedTransactions: { gid: string; database: string; prepared: string }[]
  tablespaces: { oid: number; name: string; location: string }[]
  /** Configuration files as the server names them. */
  files: { config: string; hba: string; ident: string }
}

export interface SlotState {
  name: string
  type: 'logical' | 'physical'
  plugin: string | null
  database: string | null
  active: boolean
  restartLsn: string | null
  confirmedFlushLsn: string | null
  walStatus: string | null
  /** WAL bytes that the slot keeps on the server. */
  retainedBytes: string | null
  twoPhase: boolean
}

/** Settings kept in the manifest: those that a recovering server may not have lower, and those that change how it works. */
const keptSettings = [
  'max_connections',
  'max_worker_processes',
  'max_wal_senders',
  'max_prepared_transactions',
  'max_locks_per_transaction',
  'max_replication_slots',
  'max_slot_wal_keep_size',
  'wal_level',
  'archive_mode',
  'shared_preload_libraries',
  'data_checksums',
  'block_size',
  'server_encoding',
  'track_commit_timestamp',
  ...certificateSettings,
]

/**
 * Asks a live server what it is. Throws `unreachable`, `unauthorized` (naming host and port), and `not-supported` below PostgreSQL 15.
 * Needs a role that may read settings (`pg_read_all_settings` or a superuser): what it may not read comes back empty.
 */
export async function probePostgres(config: PostgresConfig, context: Context): Promise<PostgresProbe> {
  await using client = await connectPostgres(config.url, { signal: context.signal })
  return await probeClient(client, postgresAddress(config.url))
}

export async function probeClient(client: PgClient, address: { host: string; port: number }): Promise<PostgresProbe> {
  const settings = await readSettings(client)
  const majorVersion = Math.floor(Number(settings.server_version_num) / 10000)
  if (majorVersion < 15) {
    throw new DatapipeError('not-supported', `PostgreSQL at ${address.host}:${address.port} is ${settings.server_version}; 15 or newer is needed`, {
      hint: 'upgrade the server',
    })
  }
  const identity = await one<{ system_identifier: string; timeline: number; in_recovery: boolean; superuser: string }>(
    client,
    // The control file learns of a new timeline at the next checkpoint only; the name of the current segment carries it at once.
    `SELECT s.system_identifier::text, pg_is_in_recovery() AS in_recovery, pg_get_userbyid(10)::text AS superuser,
            CASE WHEN pg_is_in_recovery() THEN c.timeline_id
                 ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END AS timeline
     FROM pg_control_system() s, pg_control_checkpoint() c`,
  )
  return {
    systemIdentifier: identity.system_identifier,
    version: (settings.server_version ?? '').split(' ')[0] ?? '',
    majorVersion,
    timeline: identity.timeline,
    walSegmentSize: Number(settings.wal_segment_size),
    superuser: identity.superuser,
    dataDirectory: settings.data_directory ?? '',
    settings: Object.fromEntries(keptSettings.flatMap((name) => (settings[name] === undefined ? [] : [[name, settings[name]]]))),
    databases: await client.query(
      `SELECT datname::text AS name, pg_encoding_to_char(encoding)::text AS encoding, datcollate::text AS "collate", datctype::text AS ctype,
              datcollversion::text AS "collationVersion"
       FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname`,
    ),
    ...(await readSlots(client)),
    publications: await readPublications(client),
    inRecovery: identity.in_recovery,
    walLevel: settings.wal_level ?? '',
    archiveMode: settings.archive_mode ?? '',
    archiveCommand: settings.archive_command ?? '',
    archiveLibrary: settings.archive_library ?? '',
    role: await one(
      client,
      `SELECT current_user::text AS name, rolsuper AS superuser, rolsuper OR rolreplication AS replication,
              has_function_privilege('pg_create_restore_point(text)', 'execute') AS "mayCreateRestorePoint",
              has_function_privilege('pg_switch_wal()', 'execute') AS "maySwitchWal",
              pg_has_role('pg_read_all_data', 'usage') AS "mayReadAllData"
       FROM pg_roles WHERE rolname = current_user`,
    ),
    preparedTransactions: await client.query(
      'SELECT gid, database::text AS database, prepared::text AS prepared FROM pg_prepared_xacts ORDER BY prepared',
    ),
    tablespaces: await client.query(
      `SELECT oid, spcname::text AS name, pg_tablespace_location(oid) AS location FROM pg_tablespace
       WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY oid`,
    ),
    files: { config: settings.config_file ?? '', hba: settings.hba_file ?? '', ident: settings.ident_file ?? '' },
  }
}

/** What of a probe goes into the manifest. */
export function serverPart(probe: PostgresProbe): ServerPart {
  const { systemIdentifier, version, majorVersion, timeline, walSegmentSize, superuser, dataDirectory, settings, databases, slots, publications } =
    probe
  return { systemIdentifier, version, majorVersion, timeline, walSegmentSize, superuser, dataDirectory, settings, databases, slots, publications }
}

async function readSettings(client: PgClient): Promise<Record<string, string>> {
  const rows = await client.query<{ name: string; value: string | null }>(
    "SELECT name, CASE WHEN name = 'wal_segment_size' THEN setting ELSE current_setting(name, true) END AS value FROM pg_settings",
  )
  return Object.fromEntries(rows.flatMap(({ name, value }) => (value === null ? [] : [[name, value]])))
}

async function readSlots(client: PgClient): Promise<{ slots: ServerPart['slots']; allSlots: SlotState[] }> {
  const allSlots = await client.query<SlotState>(
    `SELECT slot_name::text AS name, slot_type AS type, plugin::text AS plugin, database::text AS database, active,
            restart_lsn::text AS "restartLsn", confirmed_flush_lsn::text AS "confirmedFlushLsn", wal_status AS "walStatus",
            CASE WHEN restart_lsn IS NULL OR pg_is_in_recovery() THEN NULL
                 ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint::text END AS "retainedBytes",
            two_phase AS "twoPhase"
     FROM pg_replication_slots WHERE NOT temporary ORDER BY slot_name`,
  )
  const slots = allSlots.flatMap(({ name, plugin, database, twoPhase }) =>
    plugin === null || database === null ? [] : [{ name, plugin, database, twoPhase }],
  )
  return { slots, allSlots }
}

/** Those of the database that we are connected to; the others come back with the files all the same. */
async function readPublications(client: PgClient): Promise<ServerPart['publications']> {
  return (
    await client.query<{ name: string; database: string; all_tables: boolean; tables: string }>(
      `SELECT p.pubname::text AS name, current_database()::text AS database, p.puballtables AS all_tables,
              coalesce(json_agg(t.schemaname || '.' || t.tablename ORDER BY 1) FILTER (WHERE t.tablename IS NOT NULL AND NOT p.puballtables), '[]')::text AS tables
       FROM pg_publication p LEFT JOIN pg_publication_tables t USING (pubname) GROUP BY 1, 2, 3 ORDER BY 1`,
    )
  ).map(({ name, database, all_tables, tables }) => ({ name, database, allTables: all_tables, tables: JSON.parse(tables) as string[] }))
}

async function one<Row>(client: PgClient, sql: string): Promise<Row> {
  const [row] = await client.query<Row>(sql)
  if (row === undefined) throw new DatapipeError('server-refused', `PostgreSQL gave no row for: ${sql}`)
  return row
}
