import { existsSync } from 'node:fs'
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { formatLsn, type Lsn } from '../../base/lsn.ts'
import { type RunningTool, startTool } from '../../clients/exec.ts'
import type { PostgresPart } from './part.ts'
import type { Owner } from './server-owner.ts'
import type { PostgresTools } from './tools.ts'

export interface FenceOptions {
  part: PostgresPart
  tools: PostgresTools
  dataDirectory: string
  /** Where restore_command finds the WAL. */
  walDirectory: string
  lsn: Lsn
  owner: Owner | undefined
  /** A server that is thrown away afterwards need not wait for the disk. */
  scratch: boolean
  context: Context
}

/** A server that nobody but us can reach, recovering. */
export interface FencedProcess extends AsyncDisposable {
  /** URL of the superuser over the private socket. */
  readonly url: string
  readonly running: () => boolean
  log(): Promise<string>
  stop(): Promise<void>
}

/** The private socket's port number; it is part of a file name and nothing else. */
const socketPort = 5432

/**
 * Starts the restored server behind a fence: no network, a private socket directory that its owner alone may enter, archiving and
 * subscriptions off. Everything is given on the command line, so nothing of it stays behind in the data directory.
 */
export async function startFenced(options: FenceOptions): Promise<FencedProcess> {
  const { tools, dataDirectory, owner, part } = options
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-fence-'))
  const logFile = join(directory, 'server.log')
  const hba = join(directory, 'pg_hba.conf')
  try {
    // The directory is 0700: who can reach the socket may be trusted.
    await writeFile(hba, 'local all all trust\n')
    if (!existsSync(join(dataDirectory, 'postgresql.conf'))) await writeFile(join(directory, 'postgresql.conf'), ownConfiguration(part))
    if (owner !== undefined) for (const path of [directory, hba]) await chown(path, owner.uid, owner.gid)
    const settings = fenceSettings(options, directory, hba)
    const tool = await startTool(
      // A shell, to send what the server prints into a file: it would block on a pipe that nobody reads.
      'sh',
      ['-c', 'exec "$@" >>"$DATAPIPE_LOG" 2>&1', 'sh', tools.path('postgres'), '-D', dataDirectory, ...settings.flatMap((s) => ['-c', s])],
      { cwd: directory, stdout: 'ignore', env: { DATAPIPE_LOG: logFile, PGDATA: dataDirectory }, ...(owner === undefined ? {} : { owner }) },
    )
    return fencedProcess(tool, directory, logFile, part.server.superuser, databaseFor(part))
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

/** Files of a data directory without configuration (Debian keeps it in /etc): the least that the recovery demands. */
function ownConfiguration(part: PostgresPart): string {
  const names = [
    'max_connections',
    'max_worker_processes',
    'max_wal_senders',
    'max_prepared_transactions',
    'max_locks_per_transaction',
    'max_replication_slots',
    'wal_level',
    'shared_preload_libraries',
  ]
  return names
    .flatMap((name) => (part.server.settings[name] === undefined ? [] : [`${name} = '${part.server.settings[name].replaceAll("'", "''")}'\n`]))
    .join('')
}

function fenceSettings({ part, dataDirectory, walDirectory, lsn, scratch }: FenceOptions, directory: string, hba: string): string[] {
  return [
    ...(existsSync(join(dataDirectory, 'postgresql.conf')) ? [] : [`config_file=${join(directory, 'postgresql.conf')}`]),
    `data_directory=${dataDirectory}`,
    `hba_file=${hba}`,
    'listen_addresses=',
    `unix_socket_directories=${directory}`,
    'unix_socket_permissions=0700',
    `port=${socketPort}`,
    'ssl=off',
    'external_pid_file=',
    'archive_command=',
    ...(part.server.majorVersion >= 15 ? ['archive_library='] : []),
    'max_logical_replication_workers=0',
    'synchronous_standby_names=',
    'primary_conninfo=',
    'hot_standby=on',
    'logging_collector=off',
    'log_destination=stderr',
    'log_min_messages=log',
    'log_line_prefix=%m [%p] ',
    'lc_messages=C',
    'default_transaction_read_only=off',
    `restore_command=cp ${shellWord(walDirectory)}/%f "%p"`,
    'recovery_end_command=',
    'archive_cleanup_command=',
    // Targets left in the configuration by an earlier restore; more than one is an error.
    'recovery_target=',
    'recovery_target_name=',
    'recovery_target_xid=',
    'recovery_target_time=',
    `recovery_target_timeline=${part.base.timeline}`,
    'recovery_target_inclusive=off',
    'recovery_target_action=promote',
    `recovery_target_lsn=${formatLsn(lsn)}`,
    ...(scratch ? ['fsync=off', 'full_page_writes=off', 'autovacuum=off'] : []),
  ]
}

/** A word for `sh` inside a restore_command, where a percent sign is doubled. */
function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`).replaceAll('%', '%%')}'`
}

export function databaseFor(part: PostgresPart): string {
  const names = part.server.databases.map(({ name }) => name)
  return names.includes('postgres') ? 'postgres' : (names[0] ?? 'template1')
}

function fencedProcess(tool: RunningTool, directory: string, logFile: string, superuser: string, database: string): FencedProcess {
  let running = true
  void tool.ended.then(() => {
    running = false
  })
  const stop = async () => {
    try {
      if (!running) return
      // SIGINT is PostgreSQL's fast shutdown: it ends sessions, writes a checkpoint, and loses nothing. A checkpoint may take its time.
      process.kill(tool.pid, 'SIGINT')
      const code = await tool.ended
      const log = await readFile(logFile, 'utf8')
      // Without a word in its log the signal came before the server had begun.
      if (code !== 0 && log !== '') throw new DatapipeError('tool-failed', `the fenced server ended with ${code}: ${lastWords(log)}`)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
  return {
    url: `postgres://${encodeURIComponent(superuser)}@${encodeURIComponent(directory)}:${socketPort}/${encodeURIComponent(database)}`,
    running: () => running,
    log: () => readFile(logFile, 'utf8').catch(() => tool.lastWords()),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** The end of a server's log, for an error's text. */
export function lastWords(log: string): string {
  return log.trim().split('\n').slice(-15).join('\n')
}
