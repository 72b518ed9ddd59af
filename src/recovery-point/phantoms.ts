import { belongsToCut, type Cut, type EventPosition } from './cut-rule.ts'

/** A record of a live partition, in the order of offsets. */
export interface SeenRecord {
  offset: bigint
  /** Any form that is the same for equal keys; undefined without a key. */
  key: string | undefined
  value: Buffer | null
  /** Undefined for a tombstone. */
  event: (EventPosition & { op: string | undefined }) | undefined
  /** It was written to undo phantoms of its key. */
  compensates: boolean
}

/**
 * - `phantom`: an event of a transaction that is not in the database once that is at the cut, or the tombstone that follows one.
 * - `kept`: belongs to the cut; delivered late, or once more. Or what undoes phantoms.
 * - `unplaced`: nobody can tell.
 */
export type Place = 'phantom' | 'kept' | 'unplaced'

/** What phantoms have done to one key of one partition, and nothing has undone. */
export interface TouchedKey {
  /** Of its first phantom: `c` means that the key did not exist at the cut. */
  firstOp: string | undefined
  /** Of its last one. */
  lastOp: string | undefined
  lastXid: bigint | undefined
  /** The last event that has a row after it; where it gives one. */
  lastRow: Buffer | undefined
}

export interface PhantomTracker {
  see(record: SeenRecord): Place
  /** By key. */
  touched: ReadonlyMap<string, TouchedKey>
  events: number
  /** Offset of the first one. */
  first: bigint | undefined
  /** Positions that the restored database gives out again; undefined without a phantom. */
  highestXid: bigint | undefined
  highestLsn: bigint | undefined
}

/**
 * Is an event one of a transaction whose commit lies behind the cut? By the rule that cuts topics; but here nobody promises that all commits
 * are in the log: an event was sent, so its transaction has committed, and when it stands inside or behind the log and its commit is not
 * there, it committed behind the log's end. Pure.
 */
export function isPhantom(event: EventPosition, cut: Cut): boolean | undefined {
  const belonging = belongsToCut(event, cut)
  if (typeof belonging === 'string') return belonging === 'later'
  return event.xid !== undefined && event.initialSnapshot !== true ? true : undefined
}

/** Follows one partition behind the cut's end. `keepRows`: remember what undoing needs. Pure. */
export function trackPhantoms(cut: Cut, { keepRows = false }: { keepRows?: boolean } = {}): PhantomTracker {
  const touched = new Map<string, TouchedKey>()
  let before: { key: string | undefined; phantom: boolean } | undefined
  const tracker = {
    touched,
    events: 0,
    first: undefined as bigint | undefined,
    highestXid: undefined as bigint | undefined,
    highestLsn: undefined as bigint | undefined,
    see(record: SeenRecord): Place {
      const { key, event } = record
      if (record.compensates) {
        if (key !== undefined) touched.delete(key)
        before = undefined
        return 'kept'
      }
      if (event === undefined) {
        // The tombstone of the delete right before it, whichever side that is on.
        if (before !== undefined && before.key === key) return before.phantom ? 'phantom' : 'kept'
        return 'unplaced'
      }
      const phantom = isPhantom(event, cut)
      before = phantom === undefined ? undefined : { key, phantom }
      if (phantom !== true) return phantom === undefined ? 'unplaced' : 'kept'
      tracker.events++
      tracker.first ??= record.offset
      if (event.xid !== undefined) tracker.highestXid = higher(tracker.highestXid, event.xid)
      if (event.lsn !== undefined) tracker.highestLsn = higher(tracker.highestLsn, event.lsn)
      if (key !== undefined) touch(key, record, event)
      return 'phantom'
    },
  }
  const touch = (key: string, { value }: SeenRecord, { op, xid }: EventPosition & { op: string | undefined }) => {
    const known = touched.get(key)
    // It came and went: consumers have no trace of it.
    if (op === 'd' && known?.firstOp === 'c') {
      touched.delete(key)
      return
    }
    const row = op === 'd' || !keepRows ? known?.lastRow : (value ?? undefined)
    touched.set(key, { firstOp: known === undefined ? op : known.firstOp, lastOp: op, lastXid: xid, lastRow: row && Buffer.from(row) })
  }
  return tracker
}

const higher = (a: bigint | undefined, b: bigint): bigint => (a === undefined || b > a ? b : a)
