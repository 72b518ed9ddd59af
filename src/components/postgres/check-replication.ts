import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { startTool } from '../../clients/exec.ts'
import { connectPostgres, openPostgres, postgresAddress, toolConnection } from '../../clients/postgres.ts'
import type { CheckItem } from '../component.ts'
import type { PostgresProbe } from './probe.ts'
import { findPostgresTools } from './tools.ts'

const component = 'postgres'
/** How long WAL may take to arrive. */
const limitMs = 60_000

/**
 * A base backup and received WAL come over replication connections: pg_hba.conf has lines of their own for them, which a session of any
 * database says nothing about. Opens one.
 */
export async function checkReplicationConnection(config: PostgresConfig, context: Context): Promise<CheckItem> {
  const { user } = postgresAddress(config.url)
  const name = `${user} may open replication connections`
  try {
    const client = await openPostgres(config.url, { replication: true, signal: context.signal })
    await client.end()
    return { component, name, verdict: 'pass', detail: 'one was opened' }
  } catch (error) {
    if (context.signal.aborted) throw error
    const next = `a line in pg_hba.conf (host replication ${user} ADDRESS scram-sha-256), then SELECT pg_reload_conf()`
    return { component, name, verdict: 'fail', detail: describeError(error), next }
  }
}

/**
 * Does WAL arrive as a backup in `receive` mode wants it? pg_receivewal streams into a temporary directory, without a slot, until a segment
 * that is switched meanwhile is whole. Room for two segments is needed there for a moment.
 */
export async function checkReceived(config: PostgresConfig, probe: PostgresProbe, context: Context): Promise<CheckItem> {
  const name = 'WAL arrives when it is received'
  if (!probe.role.replication || !probe.role.maySwitchWal || !probe.role.mayCreateRestorePoint) {
    return { component, name, verdict: 'not run', detail: 'the role lacks the rights above' }
  }
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-check-wal-'))
  try {
    const started = performance.now()
    const segment = await receiveOne(config, probe, directory, context)
    return { component, name, verdict: 'pass', detail: `segment ${segment} after ${((performance.now() - started) / 1000).toFixed(1)} s` }
  } catch (error) {
    if (!(error instanceof DatapipeError) || context.signal.aborted) throw error
    return { component, name, verdict: 'fail', detail: describeError(error), next: error.hint }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function receiveOne(config: PostgresConfig, probe: PostgresProbe, directory: string, context: Context): Promise<string> {
  const tools = await findPostgresTools(config, probe.majorVersion)
  const { connection, env } = toolConnection(config.url)
  const options = ['--no-password', '--no-loop', '--no-sync', '--status-interval=1']
  await using tool = await startTool(tools.path('pg_receivewal'), [`--directory=${directory}`, `--dbname=${connection}`, ...options], {
    env,
    stdout: 'ignore',
    signal: context.signal,
  })
  let ended = false
  void tool.ended.then(() => {
    ended = true
  })
  const arrived = async (what: string, isThere: (names: string[]) => boolean) => {
    await waitUntil(
      async () => {
        if (isThere(await readdir(directory))) return true
        if (ended) throw new DatapipeError('tool-failed', `pg_receivewal has ended: ${tool.lastWords()}`)
        return false
      },
      { what, timeoutMs: limitMs, everyMs: 100, signal: context.signal, lastWords: () => tool.lastWords() },
    )
  }
  await arrived('the first WAL to arrive', (names) => names.length > 0)
  await using client = await connectPostgres(config.url, { signal: context.signal })
  const [row] = await client.query<{ segment: string }>(
    "SELECT pg_walfile_name(pg_create_restore_point('datapipe check') - 1) AS segment, pg_switch_wal()",
  )
  const segment = row?.segment ?? ''
  await arrived(`WAL segment ${segment} to arrive`, (names) => names.includes(segment))
  return segment
}
