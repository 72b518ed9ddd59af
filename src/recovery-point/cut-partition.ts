import type { Belonging } from './cut-rule.ts'

/** A record of one partition as the cut sees it, in the order of offsets. */
export type CutRecord =
  /** `identity` is the same for two deliveries of one event and for no two events: it is asked for only where it matters. */
  | { kind: 'event'; belonging: Belonging; identity: () => string }
  /** Follows the record before it: the tombstone of a delete. */
  | { kind: 'follower' }
  /** Belongs to a transaction that it does not name: a tombstone without its delete. */
  | { kind: 'anonymous' }
  /**
   * A row of an incremental snapshot, which carries neither transaction nor LSN: it shows its table as of some moment between the events
   * around it. Where the cut falls there it goes: the snapshot can be taken again, a row from behind the cut cannot be unread.
   */
  | { kind: 'unplaced' }

export interface PartitionCut {
  see(offset: bigint, record: CutRecord): void
  /** The offset of the first record that does not belong; undefined when all do. */
  readonly end: bigint | undefined
  /** Events that belong and lie behind the end: each must be a second delivery of one before it. By identity, with the first offset. */
  readonly behind: ReadonlyMap<string, bigint>
  /** Takes in an event before the end, after everything was seen: what `behind` holds of it is explained. */
  prove(identity: string): void
  /** Why no end offset cuts this partition; undefined when `end` does. */
  refusal(): { offset: bigint; reason: string } | undefined
}

/** Events behind the end that are compared with those before it; a restart of a connector sends a minute's worth again. */
const mostBehind = 1_000_000

/**
 * Where is a partition cut? One connector sends transactions in the order of their commits, so that what belongs ends at one offset, and
 * everything behind it goes. After a restart it sends some again, whole and in order: events that belong may lie behind that offset,
 * if they are there before it, too. Anything else is refused. Pure.
 */
export function cutPartition(): PartitionCut {
  let end: bigint | undefined
  let unplaced: bigint | undefined
  let anonymous: bigint | undefined
  let refused: { offset: bigint; reason: string } | undefined
  const behind = new Map<string, bigint>()
  const refuse = (offset: bigint, reason: string) => {
    refused ??= { offset, reason }
  }
  return {
    see(offset, record) {
      if (record.kind === 'follower') return
      if (record.kind !== 'event') {
        if (end !== undefined) return
        if (record.kind === 'anonymous') anonymous ??= offset
        else unplaced ??= offset
        return
      }
      const { belonging } = record
      if (typeof belonging === 'object') {
        refuse(offset, belonging.unknown)
        return
      }
      if (belonging === 'kept') {
        if (end === undefined) {
          anonymous = undefined
          unplaced = undefined
        } else if (behind.size >= mostBehind) refuse(offset, `more than ${mostBehind} events that belong lie behind others that do not`)
        else {
          const identity = record.identity()
          if (!behind.has(identity)) behind.set(identity, offset)
        }
        return
      }
      end ??= unplaced ?? offset
    },
    get end() {
      return end ?? unplaced
    },
    behind,
    prove(identity) {
      behind.delete(identity)
    },
    refusal() {
      if (refused !== undefined) return refused
      if (anonymous !== undefined && (unplaced === undefined || anonymous < unplaced))
        return { offset: anonymous, reason: 'a tombstone without the delete that it follows names no transaction' }
      const [first] = behind
      if (first === undefined) return undefined
      return {
        offset: first[1],
        reason: `an event that belongs lies behind offset ${end}, where others begin that do not, and is not there before it`,
      }
    },
  }
}
