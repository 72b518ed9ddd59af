import pg from 'pg'
import { DatapipeError } from '../base/errors.ts'
import { postgresTls, withoutTls } from './postgres-tls.ts'
import { tlsFault } from './tls-fault.ts'
import { probeTls } from './tls-probe.ts'

/** A connection to one database. Integers beyond 32 bits, LSNs and numerics arrive as text; dates too, as the server prints them. */
export interface PgClient extends AsyncDisposable {
  /** Throws `server-refused` with the server's message, its code as `path`; `unreachable` when the connection broke. */
  query<Row = Record<string, unknown>>(sql: string, parameters?: unknown[]): Promise<Row[]>
  /** Rows of a query in batches, by a cursor: memory holds one batch. */
  stream<Row = Record<string, unknown>>(sql: string, parameters?: unknown[], batch?: number): AsyncIterable<Row>
}

export interface ConnectOptions {
  /** Overrides the database of the URL. */
  database?: string
  /** Milliseconds after which the server cancels a statement. */
  statementTimeoutMs?: number
  connectTimeoutMs?: number
  signal?: AbortSignal
}

/** What a connection URL names, without the secret. */
export interface PostgresAddress {
  host: string
  port: number
  user: string
  database: string
}

/** Reads `postgres://user:password@host:port/database?…`; a host in percent encoding (`%2Ftmp`) is a socket directory. Throws `config-invalid`. */
export function postgresAddress(url: string): PostgresAddress {
  const parsed = parseUrl(url)
  const user = decodeURIComponent(parsed.username) || parsed.searchParams.get('user') || 'postgres'
  return {
    host: decodeURIComponent(parsed.hostname) || parsed.searchParams.get('host') || 'localhost',
    port: Number(parsed.port || parsed.searchParams.get('port') || 5432),
    user,
    database: decodeURIComponent(parsed.pathname.slice(1)) || user,
  }
}

/** How PostgreSQL's own programs reach the server: `connection` for their argv holds no secret, `env` is for the child's environment. */
export function toolConnection(url: string): { connection: string; env: Record<string, string> } {
  const parsed = parseUrl(url)
  const password = decodeURIComponent(parsed.password) || parsed.searchParams.get('password') || ''
  parsed.password = ''
  parsed.searchParams.delete('password')
  return { connection: parsed.toString(), env: { PGCONNECT_TIMEOUT: '30', ...(password === '' ? {} : { PGPASSWORD: password }) } }
}

/** The same URL for another database. */
export function withDatabase(url: string, database: string): string {
  const parsed = parseUrl(url)
  parsed.pathname = `/${encodeURIComponent(database)}`
  return parsed.toString()
}

/** Connects. Throws `unreachable`, `tls-failed` or `unauthorized` naming host and port, `server-refused` for everything else the server says. */
export async function connectPostgres(url: string, options: ConnectOptions = {}): Promise<PgClient> {
  const address = postgresAddress(url)
  const client = await openPostgres(url, options)
  const abort = () => void client.end()
  options.signal?.addEventListener('abort', abort, { once: true })
  const query = async <Row>(sql: string, parameters?: unknown[]): Promise<Row[]> => {
    try {
      const result = await client.query(sql, parameters)
      return result.rows as Row[]
    } catch (error) {
      if (options.signal?.aborted) throw new DatapipeError('interrupted', 'interrupted during a PostgreSQL query')
      throw translate(error, address)
    }
  }
  return {
    query,
    async *stream<Row>(sql: string, parameters?: unknown[], batch = 2000) {
      await query('BEGIN READ ONLY')
      try {
        await query(`DECLARE datapipe_rows NO SCROLL CURSOR FOR ${sql}`, parameters)
        for (;;) {
          const rows = await query<Row>(`FETCH ${batch} FROM datapipe_rows`)
          if (rows.length === 0) break
          yield* rows
        }
      } finally {
        await query('ROLLBACK')
      }
    },
    async [Symbol.asyncDispose]() {
      options.signal?.removeEventListener('abort', abort)
      await client.end()
    },
  }
}

/** What connectPostgres does, for the driver's own client: with `replication` it speaks to a WAL sender. Throws like connectPostgres. */
export async function openPostgres(url: string, options: ConnectOptions & { replication?: boolean } = {}): Promise<pg.Client> {
  const address = postgresAddress(url)
  const target = parseUrl(options.database === undefined ? url : withDatabase(url, options.database))
  const ssl = postgresTls(target)
  const settings: pg.ClientConfig & { replication?: string } = {
    connectionString: withoutTls(target),
    ssl,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 30_000,
    application_name: 'datapipe',
    ...(options.statementTimeoutMs === undefined ? {} : { statement_timeout: options.statementTimeoutMs }),
    ...(options.replication === true ? { replication: 'true' } : {}),
    types: { getTypeParser: typeParser },
  }
  const client = new pg.Client(settings)
  // A connection that breaks while idle tells through this event; the next query then fails with the same error.
  client.on('error', () => {})
  try {
    if (options.signal?.aborted) throw new DatapipeError('interrupted', 'interrupted before connecting to PostgreSQL')
    await client.connect()
  } catch (error) {
    throw (await connectFault(error, address, ssl !== false)) ?? translate(error, address)
  }
  return client
}

/** What a driver's error means: `unauthorized`, `unreachable`, or `server-refused` with the server's code as `path`. */
export function postgresFault(error: unknown, url: string): DatapipeError {
  return translate(error, postgresAddress(url))
}

const boolean = 16
const smallIntegers = new Set([21, 23, 26])

/** Booleans, int2, int4 and oid become values; everything else stays the server's text. */
function typeParser(type: number) {
  if (type === boolean) return (text: string) => text === 't'
  if (smallIntegers.has(type)) return (text: string) => Number(text)
  return (text: string) => text
}

const unauthorizedCodes = new Set(['28000', '28P01'])
const unreachableCodes = new Set(['57P01', '57P02', '57P03', '53300', '08000', '08001', '08003', '08006'])
const networkCodes = /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EHOST|ENET|EPIPE|ENOENT|EACCES)/

/** A connection that failed for TLS's sake; undefined when it is about something else. */
async function connectFault(error: unknown, { host, port }: PostgresAddress, tls: boolean): Promise<DatapipeError | undefined> {
  const where = `${host}:${port}`
  const who = `PostgreSQL at ${where}`
  const on = 'sslmode=verify-full&sslrootcert=FILE in postgres.url'
  const message = error instanceof Error ? error.message : ''
  if (tls && message === 'The server does not support SSL connections')
    return new DatapipeError('tls-failed', `${who} does not speak TLS`, {
      path: where,
      hint: 'set ssl = on there, or sslmode=disable in postgres.url',
      cause: error,
    })
  if (!tls) {
    // pg_hba.conf has lines for TLS alone (hostssl), or none for this role at all: the server's words are the same.
    if (!/^no pg_hba\.conf entry .*, no encryption$/.test(message) || (await probeTls({ host, port, postgres: true })) === undefined) return undefined
    return new DatapipeError('tls-failed', `${who} speaks TLS, and was spoken to without it`, {
      path: where,
      hint: `set ${on}; if that is refused too, the role lacks a line in pg_hba.conf`,
      cause: error,
    })
  }
  const settings = { on, ca: 'the file of sslrootcert in postgres.url', client: 'sslcert and sslkey in postgres.url' }
  return tlsFault(error, { who, path: where, host, port, postgres: true, tls, settings })
}

function translate(error: unknown, { host, port, user }: PostgresAddress): DatapipeError {
  if (error instanceof DatapipeError) return error
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const where = `${host}:${port}`
  if (unauthorizedCodes.has(code) || message.startsWith('SASL')) {
    return new DatapipeError('unauthorized', `PostgreSQL at ${where} refused user ${user}: ${message}`, { path: 'datapipe.yaml: postgres.url' })
  }
  if (unreachableCodes.has(code) || networkCodes.test(code) || /^(Connection terminated|timeout expired|Client (was closed|has))/.test(message)) {
    return new DatapipeError('unreachable', `PostgreSQL at ${where} does not answer: ${message || code}`, { path: where })
  }
  return new DatapipeError('server-refused', `PostgreSQL at ${where}: ${message}`, { path: code || where })
}

function parseUrl(url: string): URL {
  try {
    return new URL(url)
  } catch {
    // The URL itself stays out of the message: it may hold a password.
    throw new DatapipeError('config-invalid', 'the PostgreSQL URL does not parse', { path: 'postgres.url' })
  }
}

/** Quotes a name for SQL. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Quotes a text for SQL, where no parameter is allowed. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
