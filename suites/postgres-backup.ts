import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PostgresConfig, postgresConfigSchema } from '../src/base/config.ts'
import { type Context, silentContext } from '../src/base/context.ts'
import { formatLsn, type Lsn, parseLsn } from '../src/base/lsn.ts'
import { connectPostgres, type PgClient } from '../src/clients/postgres.ts'
import { baseBackup } from '../src/components/postgres/base-backup.ts'
import { startWalCapture } from '../src/components/postgres/capture-wal.ts'
import type { PostgresPart } from '../src/components/postgres/part.ts'
import { probePostgres, serverPart } from '../src/components/postgres/probe.ts'
import type { ArtifactReader } from '../src/repository/artifact.ts'
import { createArtifactReader } from '../src/repository/artifact-reader.ts'
import { newBackupId } from '../src/repository/layout.ts'
import { createBackupWriter } from '../src/repository/write-backup.ts'
import { localStorage } from '../src/storage/local.ts'
import { startTestServer, type TestServer } from './postgres-server.ts'

export interface Backed {
  part: PostgresPart
  reader: ArtifactReader
  recoveryPoint: { postgres: { systemIdentifier: string; timeline: number; lsn: string } }
}

export interface Bench extends AsyncDisposable {
  server: TestServer
  config: PostgresConfig
  /** The repository's directory, to do harm in. */
  repository: string
  context: Context
  client: PgClient
  /** Backs up while `meanwhile` runs; the recovery point is what it returns. */
  backUp(meanwhile: () => Promise<Lsn>): Promise<Backed>
}

/** A real server, its configuration in the given archive mode, and a repository in a temporary directory. */
export async function startBench(
  mode: 'directory' | 'receive',
  settings: Record<string, string> = {},
  compression?: PostgresConfig['compression'],
): Promise<Bench> {
  const server = await startTestServer(settings)
  const repository = await mkdtemp(join(tmpdir(), 'datapipe-repository-'))
  const context = silentContext()
  const config = postgresConfigSchema.parse({
    url: server.url,
    dataDirectory: server.dataDirectory,
    archive: mode === 'directory' ? { mode, path: server.archiveDirectory } : { mode },
    ...(compression === undefined ? {} : { compression }),
  })
  const storage = localStorage(repository)
  const client = await connectPostgres(server.url)
  return {
    server,
    config,
    repository,
    context,
    client,
    async backUp(meanwhile) {
      const backup = await createBackupWriter({ storage, context, id: newBackupId(new Date()) })
      const writer = backup.component('postgres')
      const spoolDirectory = await mkdtemp(join(tmpdir(), 'datapipe-spool-'))
      try {
        await using capture = await startWalCapture({ config, spoolDirectory, context })
        const probe = await probePostgres(config, context)
        const base = await baseBackup({ config, writer, context })
        const lsn = await meanwhile()
        const wal = await capture.collect(lsn, { writer, fromSegment: base.startSegment, timeline: base.timeline, parse: base })
        const part = { server: serverPart(probe), base, wal }
        return {
          part,
          reader: createArtifactReader(storage, backup.artifacts()),
          recoveryPoint: { postgres: { systemIdentifier: probe.systemIdentifier, timeline: base.timeline, lsn: formatLsn(lsn) } },
        }
      } finally {
        await rm(spoolDirectory, { recursive: true, force: true })
      }
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      await rm(repository, { recursive: true, force: true })
    },
  }
}

/** The end of the last commit on this connection: nothing else may write between. */
export async function commitEnd(client: PgClient): Promise<Lsn> {
  const [row] = await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn()::text AS lsn')
  return parseLsn(row?.lsn ?? '')
}

/** Commits small transactions one after another until stopped. */
export function startWriter(url: string, table: string): { stop(): Promise<number> } {
  let stopped = false
  const running = (async () => {
    await using client = await connectPostgres(url)
    let count = 0
    while (!stopped) await client.query(`INSERT INTO ${table} (n) VALUES ($1)`, [++count])
    return count
  })()
  return {
    stop() {
      stopped = true
      return running
    },
  }
}
