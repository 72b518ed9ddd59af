import type { Lsn } from '../base/lsn.ts'

/** A logical slot of a live database, as far as it matters for going on from an earlier point. */
export interface SlotPlace {
  /** `confirmed_flush_lsn`: what commits before it is never sent again. */
  confirmed: Lsn | undefined
  /** `wal_status` is `lost`: the server has removed WAL that it needs. */
  lost: boolean
}

/**
 * How a connector gets from where its topics end to where its database is.
 * - `slot`: its own slot still holds everything behind that.
 * - `guard`: its slot is made anew as a copy of the guard slot, which does.
 * - `missing`: nobody does; what was captured in between is lost to the topics. `slot`: where its own slot stands.
 */
export type CatchUp = { way: 'slot' | 'guard'; from: Lsn } | { way: 'missing'; from: Lsn; slot: Lsn | undefined }

/** Topics end at `from`, the database has gone on. Its own slot first: nothing has to be made anew then. Pure. */
export function chooseCatchUp(from: Lsn, slot: SlotPlace | undefined, guard: SlotPlace | undefined): CatchUp {
  const holds = (place: SlotPlace | undefined) => place?.confirmed !== undefined && !place.lost && place.confirmed <= from
  if (holds(slot)) return { way: 'slot', from }
  if (holds(guard)) return { way: 'guard', from }
  return { way: 'missing', from, slot: slot?.confirmed }
}
