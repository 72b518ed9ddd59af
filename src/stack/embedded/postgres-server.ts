import { execFile } from 'node:child_process'
import { existsSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { appendFile, chmod, chown, copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DatapipeError } from '../../base/errors.ts'
import type { CertificateFiles } from '../certificates/write-certificates.ts'
import { archiveProgram } from './archive-program.ts'
import type { Account } from './postgres-account.ts'
import { identifyProcess, type ProcessIdentity } from './process-identity.ts'
import { programOf, type Run, readSecret } from './run.ts'
import { tlsFiles } from './security.ts'
import { startServer } from './server-process.ts'

export const postgresUser = 'datapipe'

export function postgresDataDirectory(directory: string): string {
  return join(directory, 'postgres', 'data')
}

/**
 * Makes an empty database cluster: superuser `datapipe` with the run's password (scram), checksums on, and what logical decoding,
 * archiving and physical replication need. Port and sockets are not in it: they are given on the command line of each start, so that a
 * restored data directory starts with this stack's, whatever stack it came from. The archive's place is: a restored server that was told not
 * to archive (postgresql.auto.conf) must not be told otherwise by a command line.
 */
export async function initPostgres(run: Run): Promise<void> {
  const home = await postgresHome(run)
  const data = postgresDataDirectory(run.directory)
  if (existsSync(data))
    throw new DatapipeError('stack-failed', 'the PostgreSQL data directory exists already', { path: data, hint: 'destroy it first' })
  await assertReachable(home, run.state.programs.postgresUser)
  const passwordFile = join(home, 'initdb-password')
  await writeFile(passwordFile, `${readSecret(run, 'postgres')}\n`, { mode: 0o600 })
  const user = run.state.programs.postgresUser
  if (user !== undefined) await chown(passwordFile, user.uid, user.gid)
  const options = ['--username', postgresUser, '--pwfile', passwordFile, '--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C.UTF-8']
  try {
    await promisify(execFile)(join(programOf(run, 'postgresBin'), 'initdb'), ['--pgdata', data, '--data-checksums', ...options], {
      cwd: home,
      signal: run.context.signal,
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8' },
      ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    })
  } catch (cause) {
    throw new DatapipeError('stack-failed', 'initdb failed', { path: data, cause })
  } finally {
    await rm(passwordFile, { force: true })
  }
  await appendFile(join(data, 'postgresql.conf'), `${settings}archive_command = '${archiveCommand(run).replaceAll("'", "''")}'\n`)
  await writeFile(join(data, 'pg_hba.conf'), hostRules(run.state.secure === true))
  const tls = tlsFiles(run)
  if (tls !== undefined) await installCertificate(data, tls, user)
}

async function assertReachable(directory: string, user: Account | undefined): Promise<void> {
  if (user === undefined) return
  await promisify(execFile)('test', ['-x', directory], { cwd: '/', uid: user.uid, gid: user.gid }).catch((cause: unknown) => {
    throw new DatapipeError('stack-failed', `PostgreSQL runs as ${user.name} here, who may not enter the stack's directory`, {
      path: directory,
      hint: 'set TMPDIR, or name a directory that everyone may pass through',
      cause,
    })
  })
}

const settings = `
# Datapipe's stack
wal_level = logical
max_wal_senders = 10
max_replication_slots = 10
max_prepared_transactions = 10
archive_mode = on
log_line_prefix = '%m [%p] %q%u@%d '
`

/** `hostssl` alone: a connection without TLS meets no line and is refused. */
function hostRules(secure: boolean): string {
  const type = secure ? 'hostssl' : 'host'
  return `# TYPE DATABASE USER ADDRESS METHOD
local all all scram-sha-256
local replication all scram-sha-256
${type} all all 127.0.0.1/32 scram-sha-256
${type} replication all 127.0.0.1/32 scram-sha-256
`
}

/** Into the data directory, under the server's default names: there a base backup takes them along, and a restore brings them back. */
async function installCertificate(data: string, tls: CertificateFiles, user: Account | undefined): Promise<void> {
  for (const [from, name] of [
    [tls.certificate, 'server.crt'],
    [tls.key, 'server.key'],
  ] as const) {
    await copyFile(from, join(data, name))
    await chmod(join(data, name), 0o600)
    if (user !== undefined) await chown(join(data, name), user.uid, user.gid)
  }
  await appendFile(join(data, 'postgresql.conf'), 'ssl = on\n')
}

/** Starts the server on the data directory that is there; throws `stack-failed` when there is none. */
export async function startPostgres(run: Run): Promise<void> {
  const home = await postgresHome(run)
  const data = postgresDataDirectory(run.directory)
  if (!existsSync(join(data, 'PG_VERSION'))) {
    throw new DatapipeError('stack-failed', 'there is no database cluster in the PostgreSQL data directory', {
      path: data,
      hint: 'restore one into it, or make an empty one',
    })
  }
  const bin = programOf(run, 'postgresBin')
  const port = run.state.ports.postgres
  await startServer(run, {
    component: 'postgres',
    program: join(bin, 'postgres'),
    args: ['-D', data, ...Object.entries(startSettings(run, home)).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    cwd: home,
    user: run.state.programs.postgresUser,
    timeoutMs: 300_000,
    answers: () => isReady(join(bin, 'pg_isready'), port),
  })
}

function startSettings(run: Run, home: string): Record<string, string> {
  return {
    port: String(run.state.ports.postgres),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: home,
  }
}

function archiveCommand(run: Run): string {
  const { node, script } = archiveProgram(run.directory)
  return `${shellWord(node)} ${shellWord(script)} "%p" ${shellWord(archiveDirectory(run.directory))}`
}

/** A word for `sh` inside a PostgreSQL archive_command, where a percent sign is doubled. */
function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`).replaceAll('%', '%%')}'`
}

export function archiveDirectory(directory: string): string {
  return join(directory, 'postgres', 'archive')
}

async function isReady(program: string, port: number): Promise<boolean> {
  try {
    await promisify(execFile)(program, ['-q', '-h', '127.0.0.1', '-p', String(port), '-d', 'postgres', '-U', postgresUser])
    return true
  } catch (error) {
    // Exit 1: it rejects connections (starting up); 2: no answer. Anything else is a fault of the program.
    if (error instanceof Error && 'code' in error && (error.code === 1 || error.code === 2)) return false
    throw error
  }
}

/** The postmaster that holds the data directory, whoever started it: a restore starts one of its own on the way. */
export function postmaster(directory: string): ProcessIdentity | undefined {
  let text: string
  try {
    text = readFileSync(join(postgresDataDirectory(directory), 'postmaster.pid'), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined
    throw error
  }
  const pid = Number(text.split('\n', 1)[0])
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  const identity = identifyProcess(pid)
  return identity !== undefined && workingDirectory(pid) === realpathSync(postgresDataDirectory(directory)) ? identity : undefined
}

/** A postmaster works in its data directory; any other process that has come by its pid does not. */
function workingDirectory(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    // It ended in this moment, or belongs to somebody else.
    return undefined
  }
}

export async function destroyPostgres(run: Run): Promise<void> {
  await rm(postgresDataDirectory(run.directory), { recursive: true, force: true })
}

/** The parent of the data directory, owned by the uid that the server runs under; a restore gives its files to the same owner. */
async function postgresHome(run: Run): Promise<string> {
  const home = join(run.directory, 'postgres')
  const user = run.state.programs.postgresUser
  for (const directory of [home, archiveDirectory(run.directory)]) {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    if (user !== undefined) await chown(directory, user.uid, user.gid)
  }
  return home
}
