import { mkdir } from 'node:fs/promises'
import type { PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { type RunningTool, startTool } from '../../clients/exec.ts'
import { connectPostgres, type PgClient, toolConnection } from '../../clients/postgres.ts'
import type { ArtifactWriter } from '../../repository/artifact.ts'
import type { PostgresTools } from './tools.ts'

export interface WalReceiver {
  /** Throws `archive-broken` with pg_receivewal's last words when it has ended. */
  check(): void
  /** Remembers a slot that we made for another backup too. */
  rememberIn(writer: ArtifactWriter): Promise<void>
  /** Ends it and removes the slot, unless the slot was there before us. */
  stop(): Promise<void>
}

export interface ReceiveOptions {
  config: PostgresConfig
  slot: string
  directory: string
  tools: PostgresTools
  writer?: ArtifactWriter | undefined
  context: Context
}

/** Key of the note that names a slot which a backup has made. */
const slotNote = 'slot'

/**
 * Streams WAL into a directory through a physical slot that reserves WAL from this moment. A slot that we make goes away with us, and the
 * one of a killed run with the run that takes its work over: a forgotten one fills the server's disk. One that was made by hand is used
 * and kept. Throws `slot-problem` when it is in use or has lost WAL.
 */
export async function receiveWal({ config, slot, directory, tools, writer, context }: ReceiveOptions): Promise<WalReceiver> {
  await using client = await connectPostgres(config.url, { signal: context.signal })
  const ours = writer?.notes().some(({ key, note }) => key === slotNote && note === slot) ?? false
  if (ours) await untilInactive(client, slot, context)
  const made = await ensureSlot(client, { slot, ours, context, beforeMaking: async () => await writer?.remember(slotNote, slot, []) })
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const { connection, env } = toolConnection(config.url)
  let tool: RunningTool
  try {
    tool = await startTool(
      tools.path('pg_receivewal'),
      [`--directory=${directory}`, `--dbname=${connection}`, `--slot=${slot}`, '--no-password', '--no-sync', '--status-interval=1'],
      { env, stdout: 'ignore', ownSession: true, signal: context.signal },
    )
  } catch (error) {
    if (made) await client.query('SELECT pg_drop_replication_slot($1)', [slot])
    throw error
  }
  const guard = await endWithUs(tool)
  let running = true
  void tool.ended.then(() => {
    running = false
    void guard.stop()
  })
  return {
    check() {
      if (!running) throw new DatapipeError('archive-broken', `pg_receivewal has ended: ${tool.lastWords()}`, { path: slot })
    },
    async rememberIn(next) {
      if (made) await next.remember(slotNote, slot, [])
    },
    async stop() {
      await tool.stop('SIGINT')
      if (made) await dropSlot(config, slot)
    },
  }
}

/**
 * A shell that reads a pipe which only we hold: when we are killed it reads the end, and ends the receiver, which would otherwise hold the
 * slot and fill the disk for ever.
 */
async function endWithUs(tool: RunningTool): Promise<RunningTool> {
  try {
    return await startTool('sh', ['-c', 'read -r _; kill -INT "$1"', 'sh', String(tool.pid)], { stdin: true, stdout: 'ignore', ownSession: true })
  } catch (error) {
    await tool.stop('SIGINT')
    throw error
  }
}

interface SlotOptions {
  slot: string
  /** A killed run of this backup has made it. */
  ours: boolean
  beforeMaking: () => Promise<void>
  context: Context
}

/** Whether the slot goes away with us. */
async function ensureSlot(client: PgClient, { slot, ours, beforeMaking, context }: SlotOptions): Promise<boolean> {
  const [there] = await client.query<{ slot_type: string; active: boolean; wal_status: string | null; restart_lsn: string | null }>(
    'SELECT slot_type, active, wal_status, restart_lsn::text FROM pg_replication_slots WHERE slot_name = $1',
    [slot],
  )
  if (there === undefined) {
    if (!ours) await beforeMaking()
    await client.query('SELECT pg_create_physical_replication_slot($1, true)', [slot])
    return true
  }
  if (there.slot_type !== 'physical') {
    throw new DatapipeError('slot-problem', `slot ${slot} is a logical one`, { path: slot, hint: 'choose another postgres.archive.slot' })
  }
  if (there.active) throw new DatapipeError('slot-problem', `slot ${slot} is in use by another receiver`, { path: slot })
  if (there.wal_status === 'lost') {
    throw new DatapipeError('slot-problem', `slot ${slot} has lost WAL that it should keep`, {
      path: slot,
      hint: `SELECT pg_drop_replication_slot('${slot}'); then run the backup again`,
    })
  }
  if (ours) return true
  context.emit({
    type: 'log',
    level: 'warning',
    component: 'postgres',
    message: `slot ${slot} exists already (WAL kept since ${there.restart_lsn ?? 'nowhere'}); it is used, and stays when this run ends`,
  })
  return false
}

async function dropSlot(config: PostgresConfig, slot: string): Promise<void> {
  await using client = await connectPostgres(config.url)
  await untilInactive(client, slot)
  await client.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [slot])
}

/** The server notices a receiver's end a moment later: until then the slot is active, and can be neither dropped nor used. */
async function untilInactive(client: PgClient, slot: string, context?: Context): Promise<void> {
  await waitUntil(
    async () => {
      const rows = await client.query<{ active: boolean }>('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [slot])
      return rows.every((row) => !row.active)
    },
    { what: `slot ${slot} to become inactive`, timeoutMs: 60_000, ...(context && { signal: context.signal }) },
  )
}
