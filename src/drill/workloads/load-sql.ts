import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { Client } from 'pg'
import { DatapipeError } from '../../base/errors.ts'
import { publication } from './fill-postgres.ts'
import { rolesInDump } from './roles-in-dump.ts'

export interface LoadSqlOptions {
  url: string
  /** The user's own dumps: what `pg_dump` writes as plain text, COPY blocks included. Run in this order. */
  files: string[]
  /** Where psql is, when not on PATH. */
  binDirectory?: string | undefined
  signal: AbortSignal
}

export interface LoadedTable {
  /** `schema.table`, unquoted, as the connector's list wants it. */
  name: string
  hasPrimaryKey: boolean
}

/**
 * Creates the roles that the dumps name (they cannot log in), runs each dump with psql (it alone knows COPY … FROM stdin) up to its first error; finds the tables that are new; gives those
 * without primary key `REPLICA IDENTITY FULL`, and puts all into the drill's publication, if there is one. Unlogged and temporary tables cannot be captured and are
 * left out; of a partitioned table the root is captured. Throws `drill-broken` with psql's words, `tool-missing` without psql.
 */
export async function loadSql(options: LoadSqlOptions): Promise<LoadedTable[]> {
  const before = new Set((await withClient(options.url, userTables)).map((table) => table.quoted))
  for (const file of options.files) {
    await createRoles(options.url, file)
    await runPsql(options, file)
  }
  return withClient(options.url, async (client) => {
    const loaded = (await userTables(client)).filter((table) => !before.has(table.quoted))
    if (loaded.length === 0)
      throw new DatapipeError('drill-broken', 'the dumps made no table that can be captured in this database', {
        path: options.files.join(', '),
        hint: 'dump one database with pg_dump, without --create: another database is not captured',
      })
    const published = await client.query('SELECT 1 FROM pg_publication WHERE pubname = $1', [publication])
    for (const table of loaded) {
      for (const part of table.keyless) await client.query(`ALTER TABLE ONLY ${part} REPLICA IDENTITY FULL`)
      if (published.rowCount) await client.query(`ALTER PUBLICATION ${publication} ADD TABLE ONLY ${table.quoted}`)
    }
    return loaded.map((table) => ({ name: table.plain, hasPrimaryKey: table.keyless.length === 0 }))
  })
}

async function createRoles(url: string, file: string): Promise<void> {
  let roles: Set<string>
  try {
    roles = await rolesInDump(file)
  } catch (cause) {
    throw new DatapipeError('usage', 'the dump cannot be read', { path: file, cause })
  }
  await withClient(url, async (client) => {
    for (const role of roles) {
      const there = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role])
      if (!there.rowCount) await client.query(`CREATE ROLE ${client.escapeIdentifier(role)} NOLOGIN`)
    }
  })
}

interface UserTable {
  quoted: string
  plain: string
  /** The table, and of a partitioned one its partitions, as far as they have no usable replica identity. */
  keyless: string[]
}

/** Tables and partitioned tables of the user's schemas; partitions count for their root. */
async function userTables(client: Client): Promise<UserTable[]> {
  const answer = await client.query<UserTable>(`
    SELECT format('%I.%I', n.nspname, c.relname) AS quoted, n.nspname || '.' || c.relname AS plain,
      array(SELECT p.oid::regclass::text FROM pg_class p
        WHERE (p.oid = c.oid OR p.oid IN (SELECT relid FROM pg_partition_tree(c.oid)))
          AND p.relreplident = 'd' AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = p.oid AND i.indisprimary)) AS keyless
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
    ORDER BY 1`)
  return answer.rows
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000, application_name: 'datapipe-drill' })
  try {
    await client.connect()
    // Names come with their schema whatever a role's own search path says.
    await client.query(`SET search_path = ''`)
    return await work(client)
  } finally {
    await client.end()
  }
}

/** `sslmode`, `sslrootcert` and the like, as libpq's variables: PGSSLMODE, PGSSLROOTCERT. */
function tlsEnvironment(url: URL): Record<string, string> {
  const names = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey']
  return Object.fromEntries(
    names.flatMap((name) => (url.searchParams.has(name) ? [[`PG${name.toUpperCase()}`, url.searchParams.get(name) ?? '']] : [])),
  )
}

/** Runs one file with psql up to its first error. The password goes by environment, never by argument. */
export async function runPsql(options: Omit<LoadSqlOptions, 'files'>, file: string): Promise<void> {
  const url = new URL(options.url)
  const psql = options.binDirectory === undefined ? 'psql' : join(options.binDirectory, 'psql')
  const child = spawn(psql, ['--no-psqlrc', '--quiet', '--set', 'ON_ERROR_STOP=1', '--file', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
    signal: options.signal,
    env: {
      PATH: process.env.PATH,
      LC_ALL: 'C.UTF-8',
      PGHOST: url.hostname.replace(/^\[|\]$/g, ''),
      PGPORT: url.port || '5432',
      PGUSER: decodeURIComponent(url.username),
      PGPASSWORD: decodeURIComponent(url.password),
      PGDATABASE: decodeURIComponent(url.pathname.slice(1)),
      PGCLIENTENCODING: 'UTF8',
      PGCONNECT_TIMEOUT: '10',
      ...tlsEnvironment(url),
    },
  })
  let words = ''
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-4000)
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT')
        reject(new DatapipeError('tool-missing', 'psql is not installed', { path: psql, hint: 'apt-get install postgresql-client', cause }))
      else reject(new DatapipeError(options.signal.aborted ? 'interrupted' : 'tool-failed', 'psql could not be run', { path: file, cause }))
    })
    child.once('close', resolve)
  })
  if (code !== 0)
    throw new DatapipeError('drill-broken', `psql stopped in the dump: ${words.trim().split('\n').slice(-6).join('\n')}`, {
      path: file,
      hint: 'the dump must be plain SQL for an empty database: pg_dump --format=plain',
    })
}
