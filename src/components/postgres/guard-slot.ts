import type { PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { formatLsn, type Lsn, parseLsn } from '../../base/lsn.ts'
import { connectPostgres, type PgClient, postgresAddress, withDatabase } from '../../clients/postgres.ts'

/** A logical slot of a live server. */
export interface LiveSlot {
  name: string
  database: string
  plugin: string
  active: boolean
  confirmed: Lsn | undefined
  lost: boolean
}

/** All logical slots, those of other sessions' temporary ones left out. */
export async function readLogicalSlots(client: PgClient): Promise<LiveSlot[]> {
  const rows = await client.query<Omit<LiveSlot, 'confirmed'> & { confirmed: string | null }>(
    `SELECT slot_name::text AS name, database::text AS database, plugin::text AS plugin, active, confirmed_flush_lsn::text AS confirmed,
            wal_status = 'lost' AS lost
     FROM pg_replication_slots WHERE slot_type = 'logical' AND NOT temporary ORDER BY slot_name`,
  )
  return rows.map((row) => ({ ...row, confirmed: row.confirmed === null ? undefined : parseLsn(row.confirmed) }))
}

/** The database whose connectors a guard slot is for: slots belong to one. */
export function guardedDatabase(config: PostgresConfig): string {
  return postgresAddress(config.url).database
}

export interface GuardOptions {
  config: PostgresConfig
  guard: string
  context: Context
}

/**
 * Makes the guard slot where it is not there: as a copy of the connector's slot that stands furthest back, so that it holds whatever a point
 * taken from now on may need. A copy waits for no open transaction, as a new slot would. One that has lost its WAL is made anew. What is in
 * the way is a warning, not the end of a backup.
 */
export async function keepGuardSlot({ config, guard, slots, context }: GuardOptions & { slots: readonly string[] }): Promise<Finding[]> {
  try {
    await using client = await connectPostgres(config.url, { signal: context.signal })
    const live = await readLogicalSlots(client)
    const own = live.find(({ name }) => name === guard)
    if (own !== undefined && !own.lost) return []
    const database = guardedDatabase(config)
    const [source] = live
      .filter(({ name, confirmed, lost, ...slot }) => slots.includes(name) && slot.database === database && confirmed !== undefined && !lost)
      .sort((a, b) => ((a.confirmed ?? 0n) < (b.confirmed ?? 0n) ? -1 : 1))
    if (source === undefined) return [unguarded(guard, `no connector has a slot in database ${database} that it could be a copy of`)]
    if (own !== undefined) await client.query('SELECT pg_drop_replication_slot($1)', [guard])
    await client.query('SELECT pg_copy_logical_replication_slot($1, $2)', [source.name, guard])
    return own === undefined
      ? []
      : [unguarded(guard, 'it had lost its WAL (max_slot_wal_keep_size) and was made anew: it holds nothing from before this backup')]
  } catch (error) {
    if (!(error instanceof DatapipeError) || context.signal.aborted) throw error
    return [unguarded(guard, describeError(error))]
  }
}

/** Moves the guard slot up to a point that is stored now. It stays where it is when it stands there or beyond. */
export async function moveGuardSlot({ config, guard, lsn, context }: GuardOptions & { lsn: Lsn }): Promise<Finding[]> {
  try {
    await using client = await connectPostgres(config.url, { signal: context.signal })
    const own = (await readLogicalSlots(client)).find(({ name }) => name === guard)
    // Without one the backup has said so already.
    if (own?.confirmed === undefined || own.lost || own.confirmed >= lsn) return []
    await client.query('SELECT pg_replication_slot_advance($1, $2)', [guard, formatLsn(lsn)])
    return []
  } catch (error) {
    if (!(error instanceof DatapipeError) || context.signal.aborted) throw error
    return [unguarded(guard, `it was not moved to ${formatLsn(lsn)}, and keeps more WAL than it has to: ${describeError(error)}`)]
  }
}

/**
 * Makes slots anew as copies of the guard slot, so that everything behind it is sent again. Throws `slot-problem` for a slot that somebody reads,
 * before any is dropped. May be repeated: the guard slot stays.
 */
export async function copyGuardSlot({ config, guard, slots, context }: GuardOptions & { slots: readonly string[] }): Promise<void> {
  await using client = await connectPostgres(withDatabase(config.url, guardedDatabase(config)), { signal: context.signal })
  const live = await readLogicalSlots(client)
  for (const slot of slots) refuseActive(slot, live)
  for (const slot of slots) {
    try {
      if (live.some(({ name }) => name === slot)) await client.query('SELECT pg_drop_replication_slot($1)', [slot])
      await client.query('SELECT pg_copy_logical_replication_slot($1, $2)', [guard, slot])
    } catch (cause) {
      throw new DatapipeError('slot-problem', `slot ${slot} cannot be made as a copy of ${guard}: ${describeError(cause)}`, { path: slot, cause })
    }
  }
}

/** Throws `slot-problem`. */
export function refuseActive(slot: string, live: readonly LiveSlot[]): void {
  if (!live.some(({ name, active }) => name === slot && active)) return
  throw new DatapipeError('slot-problem', `somebody reads slot ${slot}, which is to be made anew`, {
    path: `postgres/slots/${slot}`,
    hint: `stop the connector that still runs; SELECT active_pid FROM pg_replication_slots WHERE slot_name = '${slot}' says who reads it`,
  })
}

function unguarded(guard: string, message: string): Finding {
  return {
    severity: 'warning',
    code: 'guard-slot-not-kept',
    component: 'postgres',
    item: guard,
    message: `the guard slot does not hold what it should: ${message}`,
    next: 'mend that, then back up again: until then, topics that are lost can be restored to the point, and not caught up from the database',
  }
}
