import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatapipeError } from '../../base/errors.ts'
import { runStarter } from '../../clients/exec.ts'
import type { Bench } from './bench.ts'
import { runProgram } from './run-program.ts'
import type { Act, Attempt } from './tool-item.ts'

/** The acts and the end of the server that they start. */
export interface OwnServer extends AsyncDisposable {
  acts: Act[]
}

/**
 * PostgreSQL's programs on a server of their own, which the image's `initdb`, `pg_ctl` and `postgres` make for it in a temporary directory
 * (about 60 MB, reached by a socket alone): a whole backup and what checks it, without a word to anybody's server.
 */
export function ownServer(bench: Bench): OwnServer {
  const { context } = bench
  const directory = join(bench.files.directory, 'pg')
  const path = (name: string) => join(directory, name)
  const env = { PGHOST: directory, PGUSER: 'tools', PGDATABASE: 'postgres', PGCONNECT_TIMEOUT: '30' }
  const run = (program: string, ...args: string[]) => runProgram(program, args, { context, env })
  let running = false
  let backedUp = false
  const act = (
    tool: string,
    what: string,
    attempt: () => Promise<Attempt>,
    needs: () => string | undefined = () => (running ? undefined : 'the server of its own does not run: see above'),
  ): Act => ({
    part: 'postgres',
    tool,
    act: what,
    attempt: async () => {
      if (process.getuid?.() === 0) return { notRun: 'PostgreSQL refuses to run as root; the image’s own user is 999' }
      const missing = needs()
      return missing === undefined ? await attempt() : { notRun: missing }
    },
  })
  const backup = () => (backedUp ? undefined : 'there is no base backup: see above')
  const firstSegment = async (): Promise<string> => {
    const names = (await readdir(path('backup/pg_wal'))).filter((name) => /^[0-9A-F]{24}$/.test(name)).sort()
    if (names[0] === undefined) throw new DatapipeError('tool-failed', 'the base backup holds no WAL')
    return names[0]
  }
  const acts = [
    act(
      'initdb',
      'makes a server of its own',
      async () => {
        await mkdir(directory, { mode: 0o700 })
        await run(
          'initdb',
          '--pgdata',
          path('data'),
          '--username',
          'tools',
          '--auth',
          'trust',
          '--no-sync',
          '--wal-segsize',
          '1',
          '--encoding',
          'UTF8',
        )
        return 'an empty cluster'
      },
      () => undefined,
    ),
    act(
      'pg_ctl',
      'starts and stops it',
      async () => {
        const settings = `-c listen_addresses= -c unix_socket_directories=${directory} -c shared_buffers=8MB -c fsync=off -c wal_level=replica`
        await runStarter('pg_ctl', ['start', '--wait', '--timeout', '120', '--pgdata', path('data'), '--options', settings], { logFile: path('log') })
        running = true
        return 'it serves'
      },
      () => undefined,
    ),
    act('psql', 'asks it', async () => {
      await run('psql', '--no-psqlrc', '--quiet', '--command', 'CREATE TABLE words AS SELECT n, md5(n::text) FROM generate_series(1, 1000) n')
      const { stdout } = await run('psql', '--no-psqlrc', '--tuples-only', '--no-align', '--command', 'SELECT count(*) FROM words')
      if (stdout.trim() !== '1000') throw new DatapipeError('tool-failed', `psql counts ${stdout}`)
      return '1000 rows'
    }),
    act('pg_dump', 'dumps a table', async () => {
      await run('pg_dump', '--format', 'custom', '--file', path('dump'), '--table', 'words')
      return 'words'
    }),
    act('pg_restore', 'puts it back', async () => {
      await run('psql', '--no-psqlrc', '--quiet', '--command', 'DROP TABLE words')
      await run('pg_restore', '--exit-on-error', '--dbname', 'postgres', path('dump'))
      const { stdout } = await run('psql', '--no-psqlrc', '--tuples-only', '--no-align', '--command', 'SELECT count(*) FROM words')
      if (stdout.trim() !== '1000') throw new DatapipeError('tool-failed', `${stdout.trim()} rows came back, not 1000`)
      return '1000 rows'
    }),
    act('pg_basebackup', 'backs it up, WAL streamed', async () => {
      await run('pg_basebackup', '--pgdata', path('backup'), '--wal-method', 'stream', '--checkpoint', 'fast', '--no-sync')
      backedUp = true
      return `${(await readdir(path('backup'))).length} entries`
    }),
    act('pg_verifybackup', 'verifies the backup', async () => (await run('pg_verifybackup', path('backup'))).stdout.trim(), backup),
    act(
      'pg_waldump',
      'reads its WAL',
      async () => {
        const { stdout } = await run('pg_waldump', '--limit', '3', join(path('backup/pg_wal'), await firstSegment()))
        if (!/lsn: [0-9A-F]+\/[0-9A-F]+/.test(stdout)) throw new DatapipeError('tool-failed', `pg_waldump says ${stdout}`)
        return `${stdout.trim().split('\n').length} records`
      },
      backup,
    ),
    act(
      'pg_controldata',
      'reads its control file',
      async () => {
        const { stdout } = await run('pg_controldata', path('backup'))
        const identifier = /system identifier: +(\d+)/.exec(stdout)?.[1]
        if (identifier === undefined) throw new DatapipeError('tool-failed', `pg_controldata says ${stdout}`)
        return `system ${identifier}`
      },
      backup,
    ),
    act('pg_receivewal', 'receives WAL', async () => {
      await mkdir(path('received'))
      // It ends at the first record beyond the position: that record is written before, so that it has nothing to wait for.
      const { stdout: end } = await run('psql', '--no-psqlrc', '--tuples-only', '--no-align', '--command', 'SELECT pg_current_wal_lsn()')
      await run('psql', '--no-psqlrc', '--quiet', '--command', 'INSERT INTO words VALUES (0)')
      await run('pg_receivewal', '--directory', path('received'), '--no-loop', '--no-sync', '--endpos', end.trim())
      const names = await readdir(path('received'))
      if (names.length === 0) throw new DatapipeError('tool-failed', 'pg_receivewal ended well and received nothing')
      return `${names.length} segments`
    }),
  ]
  return {
    acts,
    async [Symbol.asyncDispose]() {
      if (running) await runProgram('pg_ctl', ['stop', '--wait', '--mode', 'immediate', '--pgdata', path('data')], { context })
    },
  }
}
