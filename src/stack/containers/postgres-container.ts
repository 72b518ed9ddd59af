import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { StartedTestContainer } from 'testcontainers'
import { DatapipeError } from '../../base/errors.ts'
import { connectPostgres } from '../../clients/postgres.ts'
import { docker } from '../../image/docker.ts'
import { removeDirectory } from './remove-directory.ts'
import { labelsOf, nameOf, type Run, readSecret } from './run.ts'
import { makeShared, postgresUid, writeReadable } from './run-directory.ts'
import { privateMount, privateMounts, sslMode, trustedCa } from './security.ts'
import { removeServer, startServer } from './server-container.ts'

export const postgresUser = 'datapipe'

/** Where the run's `postgres` directory is mounted, in the server's container and in the engine's. */
export const postgresMount = '/datapipe/postgres'

export function postgresDirectory(directory: string): string {
  return join(directory, 'postgres')
}

export function dataDirectory(directory: string): string {
  return join(postgresDirectory(directory), 'data')
}

export function archiveDirectory(directory: string): string {
  return join(postgresDirectory(directory), 'archive')
}

/**
 * Run by the image's entrypoint in a new cluster: what logical decoding, archiving and physical replication need. `hostssl` alone: a
 * connection without TLS meets no line and is refused. The certificate lies in the data directory under the server's default names: there a
 * base backup takes it along, and a restore brings it back.
 */
const initScript = (secure: boolean) => `#!/bin/sh
set -eu
cat >>"$PGDATA/postgresql.conf" <<'SETTINGS'

# Datapipe's stack
listen_addresses = '*'
wal_level = logical
max_wal_senders = 10
max_replication_slots = 10
max_prepared_transactions = 10
archive_mode = on
archive_command = 'sh ${postgresMount}/archive-wal.sh "%p" "%f" ${postgresMount}/archive'
log_line_prefix = '%m [%p] %q%u@%d '
${secure ? 'ssl = on\n' : ''}SETTINGS
${secure ? `install -m 600 ${privateMount}/server.crt ${privateMount}/server.key "$PGDATA"\n` : ''}\
cat >"$PGDATA/pg_hba.conf" <<'RULES'
# TYPE DATABASE USER ADDRESS METHOD
local all all scram-sha-256
${secure ? 'hostssl' : 'host'} all all all scram-sha-256
${secure ? 'hostssl' : 'host'} replication all all scram-sha-256
RULES
`

/**
 * The server's image has no Datapipe in it, so a shell archives, by the rules of src/components/postgres/archive-wal.ts: never over another
 * file, an identical one is accepted, on disk before it has its name, below its system's identifier and its timeline.
 */
const archiveScript = `#!/bin/sh
# usage: archive-wal.sh PATH NAME ARCHIVE, in the data directory
set -eu
system=$(LC_ALL=C pg_controldata -D . | sed -n 's/^Database system identifier: *//p')
directory=$3/$system/$(printf %.8s "$2")
[ -n "$system" ]
mkdir -p "$directory"
if [ -e "$directory/$2" ]; then
  cmp -s "$1" "$directory/$2"
  exit
fi
copy=$directory/.$2.$$.tmp
trap 'rm -f "$copy"' EXIT
cp "$1" "$copy"
sync "$copy"
ln "$copy" "$directory/$2"
sync "$directory"
`

/** A fresh cluster, made by the image's entrypoint from an empty directory; the server is stopped again. */
export async function initPostgres(run: Run): Promise<void> {
  const data = dataDirectory(run.directory)
  if (existsSync(data))
    throw new DatapipeError('stack-failed', 'the PostgreSQL data directory exists already', { path: data, hint: 'destroy it first' })
  await startContainer(run, { ready: 2 })
  await stopPostgres(run)
}

/** Starts the server on the data directory that is there; throws `stack-failed` when there is none. */
export async function startPostgres(run: Run): Promise<void> {
  const data = dataDirectory(run.directory)
  if (!existsSync(data)) {
    throw new DatapipeError('stack-failed', 'there is no PostgreSQL data directory', {
      path: data,
      hint: 'restore one into it, or make an empty one',
    })
  }
  await startContainer(run, { ready: 1 })
}

/** `ready`: how often the server says that it accepts connections; making a cluster starts it once more, on its socket alone. */
async function startContainer(run: Run, { ready }: { ready: number }): Promise<void> {
  const directory = postgresDirectory(run.directory)
  await makeShared(directory, postgresUid)
  await makeShared(archiveDirectory(run.directory), postgresUid)
  await writeReadable(join(directory, 'archive-wal.sh'), archiveScript)
  const [{ PostgreSqlContainer }, { Wait }] = await Promise.all([import('@testcontainers/postgresql'), import('testcontainers')])
  const start = (log: Parameters<Parameters<typeof startServer>[1]['start']>[0]): Promise<StartedTestContainer> =>
    new PostgreSqlContainer(run.state.images.postgres)
      .withName(nameOf(run, 'postgres'))
      .withLabels(labelsOf(run))
      .withNetworkMode(nameOf(run, 'network'))
      .withNetworkAliases('postgres')
      .withExposedPorts({ container: 5432, host: run.state.ports.postgres })
      .withUsername(postgresUser)
      .withPassword(readSecret(run, 'postgres'))
      .withDatabase('postgres')
      .withEnvironment({
        // The image declares a volume on its own default, so the data are elsewhere.
        PGDATA: `${postgresMount}/data`,
        POSTGRES_INITDB_ARGS: '--data-checksums --encoding=UTF8 --locale=C.UTF-8 --auth=scram-sha-256',
      })
      .withBindMounts([{ source: directory, target: postgresMount, mode: 'rw' }, ...privateMounts(run, 'postgres')])
      .withCopyContentToContainer([{ content: initScript(run.state.secure), target: '/docker-entrypoint-initdb.d/10-datapipe.sh', mode: 0o755 }])
      .withResourcesQuota({ memory: 1 })
      .withSharedMemorySize(256 * 1024 ** 2)
      // A health check is a process four times a second for as long as the server runs.
      .withHealthCheck({ test: ['NONE'] as never })
      .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, ready))
      .withStartupTimeout(300_000)
      .withLogConsumer(log)
      .start()
  await startServer(run, { component: 'postgres', start, answers: () => answers(run), timeoutMs: 60_000 })
}

async function answers(run: Run): Promise<boolean> {
  try {
    await using client = await connectPostgres(postgresUrl(run), { connectTimeoutMs: 5000 })
    await client.query('SELECT 1')
    return true
  } catch {
    return false
  }
}

/** As this machine reaches it. */
export function postgresUrl(run: Run): string {
  return `postgres://${postgresUser}:${readSecret(run, 'postgres')}@127.0.0.1:${run.state.ports.postgres}/postgres${sslMode(trustedCa(run))}`
}

/** The image's stop signal is SIGINT, a fast shutdown: the shutdown checkpoint is written, the last segment archived. */
export async function stopPostgres(run: Run): Promise<void> {
  await docker(['stop', '--time', '90', nameOf(run, 'postgres')])
  await removeServer(run, 'postgres')
}

export async function destroyPostgres(run: Run): Promise<void> {
  await removeDirectory(dataDirectory(run.directory), run.state.images.postgres)
}
