import type { SlotObservation } from './observation.ts'
import { inSnapshot } from './postgres-session.ts'

/** Replication slots and how far the server's WAL is on disk, at one moment. */
export async function observeSlots(url: string): Promise<SlotObservation> {
  return inSnapshot(url, async (client) => {
    const slots = await client.query<{ name: string; plugin: string | null; active: boolean; restart: string | null; confirmed: string | null }>(
      `SELECT slot_name::text AS name, plugin::text, active, restart_lsn::text AS restart, confirmed_flush_lsn::text AS confirmed FROM pg_replication_slots ORDER BY 1`,
    )
    const now = await client.query<{ flush: string; timeline: number }>(
      'SELECT pg_current_wal_flush_lsn()::text AS flush, timeline_id AS timeline FROM pg_control_checkpoint()',
    )
    return {
      slots: slots.rows.map((slot) => ({
        name: slot.name,
        plugin: slot.plugin,
        active: slot.active,
        restartLsn: slot.restart,
        confirmedFlushLsn: slot.confirmed,
      })),
      flushLsn: now.rows[0]?.flush ?? '0/0',
      timeline: now.rows[0]?.timeline ?? 0,
    }
  })
}
