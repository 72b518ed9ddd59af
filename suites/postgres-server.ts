import { execFile, spawn } from 'node:child_process'
import { chownSync, mkdtempSync, readFileSync } from 'node:fs'
import { appendFile, chown, copyFile, mkdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A real PostgreSQL of our own for tests: logical WAL, an archive directory, a password for its superuser. */
export interface TestServer extends AsyncDisposable {
  readonly directory: string
  readonly dataDirectory: string
  readonly archiveDirectory: string
  readonly bin: string
  readonly port: number
  readonly url: string
  start(): Promise<void>
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  isRunning(): boolean
  log(): string
}

export const testPassword = 'pa:ss/w@rd'

const account = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined

/** A directory under the system's temporary one that belongs to the user the server runs under. */
export function serverDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'datapipe-pg-'))
  if (account !== undefined) chownSync(directory, account.uid, account.gid)
  return directory
}

/** Makes a cluster and starts it. `settings` go into postgresql.conf. */
export async function startTestServer(settings: Record<string, string> = {}, initdbArguments: string[] = []): Promise<TestServer> {
  const directory = serverDirectory()
  const bin = `/usr/lib/postgresql/${majorVersion()}/bin`
  const dataDirectory = join(directory, 'data')
  const archiveDirectory = join(directory, 'archive')
  const script = join(directory, 'archive-wal.mts')
  const port = await freePort()
  await mkdir(archiveDirectory)
  await copyFile(new URL('../src/components/postgres/archive-wal.ts', import.meta.url), script)
  const passwordFile = join(directory, 'password')
  await appendFile(passwordFile, `${testPassword}\n`, { mode: 0o600 })
  if (account !== undefined) for (const path of [archiveDirectory, passwordFile]) await chown(path, account.uid, account.gid)
  const initdb = [
    '-D',
    dataDirectory,
    '-U',
    'admin',
    '--pwfile',
    passwordFile,
    '-A',
    'scram-sha-256',
    '-E',
    'UTF8',
    '--locale',
    'C.UTF-8',
    '-N',
    '-k',
  ]
  await promisify(execFile)(join(bin, 'initdb'), [...initdb, ...initdbArguments], { cwd: directory, ...account })
  const all = {
    port: String(port),
    listen_addresses: "'127.0.0.1'",
    unix_socket_directories: `'${directory}'`,
    wal_level: 'logical',
    max_wal_senders: '8',
    max_replication_slots: '8',
    max_prepared_transactions: '5',
    archive_mode: 'on',
    archive_command: `'"${process.execPath}" "${script}" "%p" "${archiveDirectory}"'`,
    shared_buffers: '16MB',
    fsync: 'off',
    ...settings,
  }
  const text = Object.entries(all).map(([name, value]) => `${name} = ${value}`)
  await appendFile(join(dataDirectory, 'postgresql.conf'), `${text.join('\n')}\n`)
  const logFile = join(directory, 'server.log')
  const control = (...args: string[]) => promisify(execFile)(join(bin, 'pg_ctl'), ['-D', dataDirectory, ...args], { cwd: directory, ...account })
  const isRunning = () => {
    try {
      process.kill(Number(readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0]), 0)
      return true
    } catch {
      return false
    }
  }
  const server: TestServer = {
    directory,
    dataDirectory,
    archiveDirectory,
    bin,
    port,
    url: `postgres://admin:${encodeURIComponent(testPassword)}@127.0.0.1:${port}/postgres`,
    async start() {
      // pg_ctl's child keeps the pipes of execFile open, so it gets none.
      const child = spawn(join(bin, 'pg_ctl'), ['-D', dataDirectory, '-w', '-t', '60', '-l', logFile, 'start'], {
        cwd: directory,
        stdio: 'ignore',
        ...account,
      })
      const code = await new Promise<number | null>((resolve) => child.once('exit', resolve))
      if (code !== 0) throw new Error(`pg_ctl start failed:\n${server.log()}`)
    },
    async stop(mode = 'fast') {
      if (isRunning()) await control('-w', '-m', mode, 'stop')
    },
    isRunning,
    log: () => readFileSync(logFile, 'utf8'),
    async [Symbol.asyncDispose]() {
      await server.stop('immediate')
      await rm(directory, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}

function majorVersion(): string {
  return process.env.DATAPIPE_TEST_POSTGRES ?? '15'
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
