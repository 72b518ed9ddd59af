import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatapipeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { runStarter } from '../../clients/exec.ts'
import { connectPostgres, postgresAddress, withDatabase } from '../../clients/postgres.ts'
import { lastWords } from './fence.ts'
import type { FencedParts } from './fenced-server.ts'
import { forgetRecovered } from './recovered.ts'
import { serverOwner } from './server-owner.ts'
import { findPostgresTools } from './tools.ts'

export interface ReleaseOptions {
  /** Starts the server instead of `startCommand` or pg_ctl. */
  start?: () => Promise<void>
  /** Leaves archive_command as the backup had it. Only right when the archive cannot meet the source's. */
  resumeArchiving?: boolean
}

/**
 * Stops the fenced server and starts it in earnest, then waits until `postgres.url` answers and is this server. Its archive_command is
 * emptied first: a restored server must never archive into the source's archive unasked. `begun` is called once the fenced server is down.
 */
export async function releaseServer(parts: FencedParts, options: ReleaseOptions, begun: () => void): Promise<Finding[]> {
  const findings = options.resumeArchiving === true ? [] : await silenceArchiving(parts)
  await parts.process.stop()
  await forgetRecovered(parts.dataDirectory)
  begun()
  await parts.cleanUp()
  await start(parts, options)
  await awaitServer(parts)
  return findings
}

async function silenceArchiving({ process, dataDirectory }: FencedParts): Promise<Finding[]> {
  await using client = await connectPostgres(process.url)
  const rows = await client.query<{ name: string; value: string }>(
    `SELECT DISTINCT ON (name) name, setting AS value FROM pg_file_settings WHERE name IN ('archive_command', 'archive_library', 'archive_mode')
     ORDER BY name, seqno DESC`,
  )
  const inFiles = new Map(rows.map(({ name, value }) => [name, value]))
  if ((inFiles.get('archive_mode') ?? 'off') === 'off') return []
  await client.query("ALTER SYSTEM SET archive_command = ''")
  if (inFiles.get('archive_library')) await client.query("ALTER SYSTEM SET archive_library = ''")
  return [
    {
      severity: 'warning',
      code: 'archiving-off',
      component: 'postgres',
      item: join(dataDirectory, 'postgresql.auto.conf'),
      message: `archive_command is empty so that the restored server cannot archive into the source's archive (it was: ${inFiles.get('archive_command') ?? inFiles.get('archive_library') ?? 'not set in the data directory'}); WAL piles up until it is set`,
      next: 'ALTER SYSTEM RESET archive_command; SELECT pg_reload_conf()',
    },
  ]
}

async function start({ options, dataDirectory }: FencedParts, release: ReleaseOptions): Promise<void> {
  if (release.start !== undefined) return release.start()
  const { config, part } = options
  const logFile = `${dataDirectory}.start.log`
  if (config.startCommand !== undefined) return runStarter('sh', ['-c', config.startCommand], { logFile })
  const configFile = part.base.configFiles.find(({ path }) => path.endsWith('postgresql.conf'))?.path
  const elsewhere = existsSync(join(dataDirectory, 'postgresql.conf')) ? undefined : configFile
  if (!existsSync(elsewhere ?? join(dataDirectory, 'postgresql.conf'))) {
    throw new DatapipeError('not-supported', `the server's configuration is neither in ${dataDirectory} nor at ${configFile ?? 'a known place'}`, {
      hint: 'put it back (a copy is in the backup) and set postgres.startCommand',
    })
  }
  const tools = await findPostgresTools(config, part.server.majorVersion)
  const owner = await serverOwner(dataDirectory)
  // The server looks for pg_hba.conf beside postgresql.conf, so it is started from there, as it was on the source.
  const place = elsewhere === undefined ? ['-D', dataDirectory] : ['-D', dirname(elsewhere), '-o', `-c data_directory='${dataDirectory}'`]
  await runStarter(tools.path('pg_ctl'), ['start', '-w', '-t', '600', ...place], {
    logFile,
    cwd: dataDirectory,
    ...(owner === undefined ? {} : { owner }),
  })
}

/** `postgres.url` must answer, and be the restored server rather than another one. */
async function awaitServer({ options, dataDirectory }: FencedParts): Promise<void> {
  const { config, part, context } = options
  const { host, port, database } = postgresAddress(config.url)
  const known = part.server.databases.some(({ name }) => name === database)
  const url = known ? config.url : withDatabase(config.url, part.server.databases[0]?.name ?? 'postgres')
  let last = ''
  const identifier = await waitUntil(
    async () => {
      try {
        await using client = await connectPostgres(url, { connectTimeoutMs: 5000 })
        const [row] = await client.query<{ id: string }>(
          'SELECT system_identifier::text AS id FROM pg_control_system() WHERE NOT pg_is_in_recovery()',
        )
        return row?.id
      } catch (error) {
        if (!(error instanceof DatapipeError) || error.code !== 'unreachable') throw error
        last = error.message
        return undefined
      }
    },
    { what: `the restored server to answer at ${host}:${port}`, timeoutMs: 300_000, signal: context.signal, lastWords: () => lastWords(last) },
  )
  if (identifier !== part.server.systemIdentifier) {
    throw new DatapipeError(
      'restore-mismatch',
      `${host}:${port} is another server (system ${identifier}), not the one restored into ${dataDirectory}`,
    )
  }
}
