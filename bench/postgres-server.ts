import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { connectPostgres } from '../src/clients/postgres.ts'
import { startTestServer, type TestServer } from '../suites/postgres-server.ts'

/** Rows of the full size: 2 GB of data files with their index. */
const fullRows = 10_500_000

/** The server that everybody is measured on, with its data in it and its cache warm. */
export interface BenchServer extends AsyncDisposable {
  server: TestServer
  version: string
  /** Bytes of all databases. */
  bytes: number
  /** CPU seconds of the server and of its processes that have ended. */
  cpuSeconds(): Promise<number>
}

/**
 * Starts one and fills it: rows of 170 bytes, of which a random text and a few numbers are all that a compressor cannot foresee, so that
 * zstd makes a seventh of it. As a table of a real application, more or less; pgbench's own are mostly blanks.
 */
export async function openBenchServer(scale: number): Promise<BenchServer> {
  const server = await startTestServer({ archive_command: "'true'", shared_buffers: '128MB', max_wal_size: '2GB' })
  try {
    return await fill(server, scale)
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
}

async function fill(server: TestServer, scale: number): Promise<BenchServer> {
  await using client = await connectPostgres(server.url)
  await client.query(`CREATE TABLE entries AS SELECT n AS id, md5(n::text) AS token, (n::bigint * 7919 % 100000)::int AS account,
    timestamptz '2026-01-01' + n * interval '1 second' AS at, rpad('order ' || n % 1000, 84) AS note FROM generate_series(1, ${Math.round(fullRows * scale)}) AS n`)
  await client.query('ALTER TABLE entries ADD PRIMARY KEY (id)')
  await client.query('VACUUM ANALYZE entries')
  await client.query('CHECKPOINT')
  const [size] = await client.query<{ bytes: string; version: string }>(
    "SELECT sum(pg_database_size(oid))::text AS bytes, current_setting('server_version') AS version FROM pg_database",
  )
  const pid = Number((await readFile(join(server.dataDirectory, 'postmaster.pid'), 'utf8')).split('\n')[0])
  const ticks = Number((await promisify(execFile)('getconf', ['CLK_TCK'])).stdout)
  return {
    server,
    version: size?.version.split(' ')[0] ?? 'unknown',
    bytes: Number(size?.bytes),
    async cpuSeconds() {
      // proc(5): utime, stime, and those of children that were waited for, behind the name in parentheses.
      const fields = (await readFile(`/proc/${pid}/stat`, 'utf8'))
        .replace(/^.*\) /, '')
        .split(' ')
        .map(Number)
      return fields.slice(11, 15).reduce((sum, value) => sum + value, 0) / ticks
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
