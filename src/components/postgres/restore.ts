import { existsSync } from 'node:fs'
import { rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { PostgresConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { parseLsn } from '../../base/lsn.ts'
import { connectPostgres, quoteLiteral, withDatabase } from '../../clients/postgres.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import type { RecoveryPoint } from '../../repository/manifest.ts'
import { type FencedProcess, type FenceOptions, startFenced } from './fence.ts'
import { type FencedServer, fencedServer, preparedError } from './fenced-server.ts'
import { type Commit, lastCommit } from './last-commit.ts'
import type { PostgresPart } from './part.ts'
import { neededSegments, planRestorePostgres, targetDirectory, targetLsn } from './plan-restore.ts'
import { awaitPromotion, awaitRecovered } from './recover.ts'
import { findRecovered } from './recovered.ts'
import { emptyDirectory, unpackBase, unpackWal } from './restore-files.ts'
import { restoreHistories } from './restore-histories.ts'
import { serverOwner } from './server-owner.ts'
import { findPostgresTools } from './tools.ts'

export interface RestoreOptions {
  part: PostgresPart
  reader: ArtifactReader
  recoveryPoint: Pick<RecoveryPoint, 'postgres'>
  config: PostgresConfig
  context: Context
  /** Rolls back prepared transactions that come back, instead of throwing `prepared-transactions`. */
  rollbackPrepared?: boolean
  /** The server is thrown away afterwards: no fsync, tablespaces below the data directory's parent, no warnings. */
  scratch?: boolean
}

/**
 * Restores PostgreSQL to exactly the recovery point, into `config.dataDirectory`, and returns the promoted server behind its fence.
 * In order: every refusal (planRestorePostgres), all WAL checked and unpacked, then the base backup, pg_control last, then recovery.
 * When anything fails the target is as empty as it was. A server that an earlier try has recovered is taken as it is. Throws `target-not-empty`, `wal-gap`, `artifact-damaged`, `tool-missing`,
 * `tool-failed` with the server's last log lines, `restore-mismatch`, `prepared-transactions`.
 */
export async function restorePostgres(options: RestoreOptions): Promise<FencedServer> {
  const { part, reader, config, context } = options
  const scratch = options.scratch === true
  if (!scratch) await planRestorePostgres(options)
  const lsn = targetLsn(options)
  const dataDirectory = targetDirectory(config)
  const tools = await findPostgresTools(config, part.server.majorVersion)
  const owner = await serverOwner(dataDirectory)
  const existed = existsSync(dataDirectory)
  const walDirectory = `${dataDirectory}.datapipe-wal`
  const tablespacePath = ({ oid, location }: { oid: number; location: string }) =>
    scratch ? join(`${dataDirectory}.tablespaces`, String(oid)) : location
  const files = { part, reader, owner, context }
  const cleanUp = () => rm(walDirectory, { recursive: true, force: true })
  const fence = { part, tools, dataDirectory, walDirectory, lsn, owner, scratch, context }
  const restored = { bytes: part.base.bytes, segments: neededSegments(part, lsn).length }
  const recovered = scratch ? undefined : await findRecovered({ dataDirectory, part, lsn })
  if (recovered !== undefined) {
    const process = await inPhase(context, 'postgres: start the recovered server', () => startRecovered(fence))
    return fencedServer({ process, options, dataDirectory, lsn, commit: recovered.commit, restored, cleanUp })
  }
  let process: FencedProcess | undefined
  let touched = false
  try {
    const segments = neededSegments(part, lsn)
    await inPhase(context, 'postgres: check and unpack WAL', () => unpackWal(walDirectory, files))
    await restoreHistories({ directory: walDirectory, config, part, owner })
    const commit: Commit | undefined = await lastCommit(tools, {
      directory: walDirectory,
      segments,
      before: lsn,
      segmentSize: BigInt(part.server.walSegmentSize),
    })
    touched = true
    await inPhase(context, 'postgres: unpack base backup', () => unpackBase(dataDirectory, { ...files, tablespacePath, durable: !scratch }))
    process = await inPhase(context, 'postgres: recover', async () => {
      const server = await startFenced(fence)
      try {
        await awaitPromotion(server, { start: parseLsn(part.base.startLsn), lsn, context })
        await settlePrepared(server.url, options.rollbackPrepared === true)
      } catch (error) {
        await server.stop().catch((cause: unknown) => context.emit({ type: 'log', level: 'warning', component: 'postgres', message: String(cause) }))
        throw error
      }
      return server
    })
    return fencedServer({ process, options, dataDirectory, lsn, commit, restored, cleanUp })
  } catch (error) {
    await cleanUp()
    if (touched) await takeBack(dataDirectory, existed, part, tablespacePath)
    throw error
  }
}

/** Behind its fence again; slots of the earlier try are made anew. */
async function startRecovered(fence: FenceOptions): Promise<FencedProcess> {
  const server = await startFenced(fence)
  try {
    await awaitRecovered(server, fence.context)
    await using client = await connectPostgres(server.url)
    await client.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots')
    return server
  } catch (error) {
    await server
      .stop()
      .catch((cause: unknown) => fence.context.emit({ type: 'log', level: 'warning', component: 'postgres', message: String(cause) }))
    throw error
  }
}

/** Leaves the target as empty as it was found, so that the restore can be tried again. */
async function takeBack(
  dataDirectory: string,
  existed: boolean,
  part: PostgresPart,
  tablespacePath: (tablespace: { oid: number; location: string }) => string,
): Promise<void> {
  for (const { tablespace } of part.base.archives) {
    const directory = tablespace === null ? dataDirectory : tablespacePath(tablespace)
    if (existsSync(directory)) await emptyDirectory(directory)
  }
  if (!existed && existsSync(dataDirectory)) await rmdir(dataDirectory)
}

async function settlePrepared(url: string, rollBack: boolean): Promise<void> {
  await using client = await connectPostgres(url)
  const prepared = await client.query<{ gid: string; database: string }>('SELECT gid, database::text AS database FROM pg_prepared_xacts')
  if (prepared.length === 0) return
  if (!rollBack) throw preparedError(prepared.map(({ gid }) => gid))
  for (const { gid, database } of prepared) {
    await using there = await connectPostgres(withDatabase(url, database))
    await there.query(`ROLLBACK PREPARED ${quoteLiteral(gid)}`)
  }
}
