import { DatapipeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { type Lsn, parseLsn } from '../../base/lsn.ts'
import { connectPostgres, type PgClient, withDatabase } from '../../clients/postgres.ts'
import type { FencedProcess } from './fence.ts'
import type { Commit } from './last-commit.ts'
import { keepRecovered } from './recovered.ts'
import { type ReleaseOptions, releaseServer } from './release.ts'
import type { RestoreOptions } from './restore.ts'

/**
 * A restored, promoted server behind its fence. Disposing it without `release` stops it: nobody has been let in, nothing is lost, and the
 * next restore of the same backup goes on with it.
 */
export interface FencedServer extends AsyncDisposable {
  /** URL of the superuser over the private socket; valid until `release` or disposal. */
  readonly url: string
  /** Bytes unpacked and segments replayed, for the report. */
  readonly restored: { bytes: number; segments: number }
  /** A connection as superuser to one database, the default one when left out. */
  client(database?: string): Promise<PgClient>
  query<Row = Record<string, unknown>>(sql: string, parameters?: unknown[]): Promise<Row[]>
  /**
   * Creates a logical slot. Its confirmed_flush_lsn is where streaming will begin: all commits so far lie before it. Throws
   * `prepared-transactions`, `slot-problem` (it exists, or something open blocks it for 60 s).
   */
  createLogicalSlot(name: string, plugin: string, database: string, twoPhase?: boolean): Promise<{ confirmedFlushLsn: Lsn }>
  /** The last transaction that was recovered, from the WAL; undefined when the WAL since the base backup holds none. */
  lastTransaction(): { xid: bigint; timestampUs: bigint } | undefined
  flushLsn(): Promise<Lsn>
  /** Lifts the fence: stops the server and starts it in earnest. Returns what is to be told. */
  release(options?: ReleaseOptions): Promise<Finding[]>
}

export interface FencedParts {
  process: FencedProcess
  options: RestoreOptions
  dataDirectory: string
  commit: Commit | undefined
  restored: FencedServer['restored']
  lsn: Lsn
  /** Removes what only the recovery needed. */
  cleanUp(): Promise<void>
}

export function fencedServer(parts: FencedParts): FencedServer {
  const { process, options, commit } = parts
  let over = false
  const client = (database?: string) => connectPostgres(database === undefined ? process.url : withDatabase(process.url, database))
  const query = async <Row>(sql: string, parameters?: unknown[]): Promise<Row[]> => {
    await using connection = await client()
    return await connection.query<Row>(sql, parameters)
  }
  return {
    url: process.url,
    restored: parts.restored,
    client,
    query,
    createLogicalSlot: (name, plugin, database, twoPhase = false) => createLogicalSlot(process.url, { name, plugin, database, twoPhase }),
    lastTransaction: () => (commit === undefined ? undefined : { xid: commit.xid, timestampUs: commit.timestampUs }),
    async flushLsn() {
      const [row] = await query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn')
      return parseLsn(row?.lsn ?? '')
    },
    async release(release = {}) {
      const findings = await releaseServer(parts, release, () => {
        over = true
      })
      return findings
    },
    async [Symbol.asyncDispose]() {
      if (over) return
      over = true
      await process.stop()
      await parts.cleanUp()
      if (options.scratch) return
      await keepRecovered({ dataDirectory: parts.dataDirectory, part: options.part, lsn: parts.lsn }, commit)
      options.context.emit({
        type: 'log',
        level: 'warning',
        component: 'postgres',
        message: `the recovered server on ${parts.dataDirectory} was stopped behind its fence, nobody has been let in: the next restore of this backup goes on with it; do not start it, as its replication slots may be missing`,
      })
    },
  }
}

const slotLimitMs = 60_000

async function createLogicalSlot(
  url: string,
  { name, plugin, database, twoPhase }: { name: string; plugin: string; database: string; twoPhase: boolean },
): Promise<{ confirmedFlushLsn: Lsn }> {
  await using client = await connectPostgres(withDatabase(url, database), { statementTimeoutMs: slotLimitMs })
  const prepared = await client.query<{ gid: string }>('SELECT gid FROM pg_prepared_xacts')
  if (prepared.length > 0) throw preparedError(prepared.map(({ gid }) => gid))
  try {
    await client.query('SELECT pg_create_logical_replication_slot($1, $2, false, $3)', [name, plugin, twoPhase])
  } catch (cause) {
    const open = await client.query<{ pid: number; query: string }>(
      'SELECT pid, left(query, 80) AS query FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()',
    )
    const blockers = open.length === 0 ? '' : ` (open transactions: ${open.map(({ pid, query }) => `${pid} ${query}`).join('; ')})`
    throw new DatapipeError('slot-problem', `cannot create replication slot ${name} in database ${database}${blockers}`, { path: name, cause })
  }
  const [slot] = await client.query<{ lsn: string }>('SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1', [name])
  if (slot === undefined) throw new DatapipeError('slot-problem', `replication slot ${name} is gone as soon as it was created`, { path: name })
  return { confirmedFlushLsn: parseLsn(slot.lsn) }
}

export function preparedError(gids: string[]): DatapipeError {
  return new DatapipeError('prepared-transactions', `prepared transactions came back with the restore and block every new slot: ${gids.join(', ')}`, {
    hint: 'finish or roll them back at the source and back up again: a restore does not decide over them',
  })
}
