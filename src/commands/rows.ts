import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { answers, DatapipeError } from '../base/errors.ts'
import type { Finding } from '../base/finding.ts'
import { formatLsn, type Lsn } from '../base/lsn.ts'
import { connectPostgres, type PgClient, postgresAddress } from '../clients/postgres.ts'
import { withScratchServer } from '../components/postgres/index.ts'
import { sameText } from '../components/postgres/inventory.ts'
import { type ReadTransaction, readTransaction } from '../components/postgres/read-transaction.ts'
import type { FencedServer } from '../components/postgres/index.ts'
import type { PostgresPart } from '../components/postgres/part.ts'
import { listTables, parentsFirst } from '../components/postgres/table-shape.ts'
import { findPostgresTools } from '../components/postgres/tools.ts'
import type { RecoveryPoint } from '../repository/manifest.ts'
import { type Backup, openBackup } from '../repository/open-backup.ts'
import { openStorage } from '../storage/open-storage.ts'
import { refuseFile } from './export/write-file.ts'
import { partsOf } from './restore/parts.ts'
import { type Cut, resolvePoint } from './restore/resolve-point.ts'
import { chooseTables } from './rows/choose-tables.ts'
import { compareTables, type TableDifference } from './rows/compare-tables.ts'
import { type RowKind, rowKinds } from './rows/row-kinds.ts'
import { touchedTables, type TouchedTable } from './rows/touched-tables.ts'
import { writeRepair } from './rows/write-repair.ts'

export interface RowsOptions {
  config: DatapipeConfig
  /** Id, a beginning of it, or `latest`; may be left out with `to` and `beforeXid`: then a backup that reaches it. */
  backup?: string
  /** Another moment than the backup's own point (recovery-point/aim.ts). */
  to?: string
  /** `schema.table`, with wildcards; may be left out with `beforeXid`: then every table that the transaction touched. */
  tables?: string[]
  /** That of `postgres.url` when left out. */
  database?: string
  /** The state just before this transaction, and only the rows that it touched. */
  beforeXid?: string
  /** File of SQL that brings the rows back; only shown when left out. */
  output?: string
  /** Which differences the SQL undoes: by default rows that are missing or changed, and with `beforeXid` those that it added, too. */
  kinds?: RowKind[]
}

export interface RowsResult {
  /** 0 the same, or the SQL was written; 20 they differ. */
  exitCode: number
  backup: string
  database: string
  /** The state that the live database is compared with: everything that committed before this position. */
  lsn: string
  transaction?: { xid: string; committedAt: string; tables: Omit<TouchedTable, 'touched' | 'listing'>[] }
  tables: TableDifference[]
  output?: string
  /** Statements in it, of rows; tables that come back whole are not counted. */
  statements: number
  findings: Finding[]
}

/**
 * Recovers PostgreSQL to a point in a scratch server beside the live database, compares tables with the live ones row by row, and writes SQL
 * that brings rows and dropped tables back. Changes nothing: the SQL is for a person to read and run. Throws `usage`, `wal-gap`, what a
 * restore of PostgreSQL throws, and `target-not-empty` for an output file that is there.
 */
export async function rows(options: RowsOptions, context: Context): Promise<RowsResult> {
  const { config, output } = options
  const beforeXid = options.beforeXid === undefined ? undefined : xidOf(options.beforeXid)
  if (options.tables === undefined && beforeXid === undefined) {
    throw new DatapipeError('usage', 'no table is named', {
      hint: 'say --table SCHEMA.TABLE, or --before-xid N for all that one transaction touched',
    })
  }
  if (output !== undefined) await refuseFile(output)
  if (config.postgres === undefined) {
    throw new DatapipeError('config-invalid', 'rows are compared with the live PostgreSQL', {
      path: 'datapipe.yaml: postgres',
      hint: 'add postgres to datapipe.yaml',
    })
  }
  const { backup, cut } = await find(options, context)
  const part = partsOf(backup).postgres
  if (part === undefined) throw new DatapipeError('backup-not-found', `backup ${backup.id} holds no PostgreSQL`, { path: backup.id })
  const database = databaseOf(options, part)
  const reader = backup.component('postgres')
  const section = config.postgres
  const transaction =
    beforeXid === undefined
      ? undefined
      : await inPhase(context, `read transaction ${beforeXid}`, () => readTransaction({ part, reader, config: section, xid: beforeXid, context }))
  const recoveryPoint = pointAt(backup.manifest.recoveryPoint, transaction?.commitLsn ?? cut?.lsn)
  const lsn = recoveryPoint.postgres?.lsn ?? ''
  const point = transaction === undefined ? `${lsn} (backup ${backup.id})` : `${lsn}, just before transaction ${transaction.xid}`
  await using live = await connectPostgres(section.url, { database, signal: context.signal })
  await live.query(sameText)
  const compare = async (server: FencedServer) => {
    await using scratch = await server.client(database)
    await scratch.query(sameText)
    return await inPhase(context, 'compare rows', () => difference({ options, scratch, live, server, part, transaction, database, point, context }))
  }
  const found = await withScratchServer({ part, reader, recoveryPoint, config: section, context }, compare)
  const differs = found.tables.some(({ state }) => state !== 'same')
  return {
    exitCode: differs && output === undefined ? answers.no : answers.ok,
    backup: backup.id,
    database,
    lsn,
    ...(transaction === undefined ? {} : { transaction: told(transaction, found.touched) }),
    tables: found.tables,
    ...(output === undefined || !differs ? {} : { output }),
    statements: found.statements,
    findings: found.findings,
  }
}

/** A full transaction id or its lower 32 bits, as `txid_current()`, `xmin` or a change event's `source.txId` give it. */
function xidOf(text: string): bigint {
  if (/^[1-9]\d{0,19}$/.test(text)) return BigInt(text) & 0xffff_ffffn
  throw new DatapipeError('usage', `--before-xid ${text} is no transaction id`, {
    hint: "for example 48211: source.txId of a change event, or a row's xmin",
  })
}

function databaseOf({ database, config }: RowsOptions, part: PostgresPart): string {
  const wanted = database ?? postgresAddress(config.postgres?.url ?? '').database
  const names = part.server.databases.map(({ name }) => name)
  if (names.includes(wanted)) return wanted
  throw new DatapipeError('usage', `the backup has no database ${wanted}`, { path: wanted, hint: `say --database with one of ${names.join(', ')}` })
}

function pointAt(point: RecoveryPoint, lsn: Lsn | undefined): RecoveryPoint {
  return lsn === undefined || point.postgres === undefined ? point : { ...point, postgres: { ...point.postgres, lsn: formatLsn(lsn) } }
}

/** The backup, and where it is cut when not at its own point. Throws as `resolvePoint`. */
async function find({ config, backup, to, beforeXid }: RowsOptions, context: Context): Promise<{ backup: Backup; cut: Cut | undefined }> {
  const storage = openStorage(config.repository.url)
  if (to !== undefined && beforeXid !== undefined)
    throw new DatapipeError('usage', '--to and --before-xid name two moments', { hint: 'leave one of them out' })
  const target = to ?? (backup === undefined && beforeXid !== undefined ? `xid:${beforeXid}` : undefined)
  if (target !== undefined) return resolvePoint({ storage, backup, to: target, only: ['postgres'], context })
  if (backup === undefined)
    throw new DatapipeError('usage', 'neither a BACKUP nor --to or --before-xid says what to compare with', {
      hint: 'for example `datapipe rows latest --table public.orders`',
    })
  return { backup: await openBackup(storage, backup, context), cut: undefined }
}

function told({ xid, committedAt }: ReadTransaction, touched: readonly TouchedTable[]): NonNullable<RowsResult['transaction']> {
  return { xid: xid.toString(), committedAt, tables: touched.map(({ touched: _rows, listing: _listing, ...counts }) => counts) }
}

interface Comparison {
  options: RowsOptions
  scratch: PgClient
  live: PgClient
  server: FencedServer
  part: PostgresPart
  transaction: ReadTransaction | undefined
  database: string
  /** The state that is wanted, in words. */
  point: string
  context: Context
}

async function difference(of: Comparison): Promise<{ tables: TableDifference[]; touched: TouchedTable[]; statements: number; findings: Finding[] }> {
  const { options, scratch, live, server, part, transaction, database, context } = of
  const all = await listTables(scratch)
  const touched = transaction === undefined ? [] : await touchedTables(scratch, { all, transaction })
  const chosen = options.tables === undefined ? touched.map(({ listing }) => listing) : chooseTables(all, options.tables)
  const kinds = options.kinds ?? (transaction === undefined ? (['missing', 'changed'] as const) : rowKinds)
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-rows-'))
  try {
    const tables = await parentsFirst(scratch, chosen)
    const compared = await compareTables({ tables, scratch, live, touched, xid: transaction?.xid, kinds, directory, context })
    if (options.output !== undefined && compared.tables.some(({ state }) => state !== 'same')) {
      const tools = await findPostgresTools(options.config.postgres ?? {}, part.server.majorVersion)
      await inPhase(context, 'write SQL', () =>
        writeRepair(options.output ?? '', { compared, tools, url: server.url, database, point: of.point, directory, kinds, context }),
      )
    }
    return { tables: compared.tables, touched, statements: compared.statements, findings: compared.findings }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
