import { randomBytes } from 'node:crypto'
import { DatapipeError } from '../base/errors.ts'
import type { PgClient } from '../clients/postgres.ts'

/**
 * Copies the slot of a running connector into a temporary one of this session, which can be peeked while the connector reads on: a slot
 * serves one reader at a time. It holds what the connector has not confirmed, and goes away with the connection. Gives its name. Throws
 * `slot-problem`.
 */
export async function copySlot(client: PgClient, slot: string): Promise<string> {
  const copy = `datapipe_${randomBytes(8).toString('hex')}`
  try {
    await client.query('SELECT pg_copy_logical_replication_slot($1, $2, true)', [slot, copy])
  } catch (error) {
    if (!(error instanceof DatapipeError) || error.code !== 'server-refused') throw error
    throw new DatapipeError('slot-problem', `slot ${slot} cannot be copied: ${error.message}`, {
      path: `postgres/slots/${slot}`,
      hint: 'one free replication slot a connector is needed (max_replication_slots), or take the backup with a barrier',
      cause: error,
    })
  }
  return copy
}
