import { join } from 'node:path'
import { DatapipeError } from '../../base/errors.ts'
import { type Bench, noServer } from './bench.ts'
import { runProgram } from './run-program.ts'
import type { Act, Attempt } from './tool-item.ts'

interface Connection {
  connection: string
  env: Record<string, string>
}

/** PostgreSQL's client programs on the server that the configuration names. They read, and write nothing. */
export function postgresActs(bench: Bench): Act[] {
  const { config, context, files } = bench
  let table: string | undefined
  const act = (tool: string, what: string, attempt: (to: Connection) => Promise<Attempt>): Act => ({
    part: 'postgres',
    tool,
    act: what,
    attempt: async () => {
      if (config?.postgres === undefined) return noServer(bench, 'postgres')
      // Only when it is needed: a driver that is broken is a row of its own, and must not take the others with it.
      const { toolConnection } = await import('../../clients/postgres.ts')
      return await attempt(toolConnection(config.postgres.url))
    },
  })
  const dump = join(files.directory, 'table.dump')
  return [
    act('psql', 'asks the server', async ({ connection, env }) => {
      const sql = `SELECT current_setting('server_version'), (SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY pg_table_size(format('%I.%I', schemaname, tablename)::regclass) LIMIT 1)`
      const { stdout } = await runProgram(
        'psql',
        ['--no-psqlrc', '--tuples-only', '--no-align', '--field-separator', '\t', '--command', sql, connection],
        { context, env },
      )
      const [version, smallest] = stdout.trim().split('\t')
      table = smallest === '' ? undefined : smallest
      return `PostgreSQL ${version}`
    }),
    act('pg_dump', 'dumps a table', async ({ connection, env }) => {
      if (table === undefined) return { notRun: 'psql saw no table: see above' }
      await runProgram('pg_dump', ['--format', 'custom', '--file', dump, '--table', table, connection], { context, env })
      return table
    }),
    act('pg_restore', 'lists the dump', async () => {
      if (table === undefined) return { notRun: 'there is no dump: see above' }
      const { stdout } = await runProgram('pg_restore', ['--list', dump], { context })
      const entries = stdout.split('\n').filter((line) => /^\d+;/.test(line))
      if (!entries.some((line) => line.includes(' TABLE DATA '))) throw new DatapipeError('tool-failed', `pg_restore lists no table data:\n${stdout}`)
      return `${entries.length} entries`
    }),
  ]
}
