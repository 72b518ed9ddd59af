import type { Finding } from '../../base/finding.ts'
import type { CommittedOffset } from '../../clients/kafka/group-admin.ts'
import type { GroupSnapshot } from './part.ts'

/** Where groups stand in a topic whose records were spread anew, by group id. */
export type SpreadPositions = ReadonlyMap<string, { offsets: CommittedOffset[]; again: bigint }>

export interface PositionTracker {
  /** Must see every record, those of one target partition in ascending order. */
  see(record: { source: number; offset: bigint; target: number; targetOffset: bigint }): void
  /** The positions, once every record was seen; `ends` are the target's, for groups that have read everything. */
  positions(ends: readonly bigint[]): SpreadPositions
}

/**
 * Follows groups through a spreading. Each target partition holds records of several source partitions, so no position there says exactly
 * what a group had read: it gets that of the first record that it had not, and reads what it had of the later ones again. Nothing is skipped.
 */
export function trackPositions(topic: string, name: string, groups: GroupSnapshot[]): PositionTracker {
  const followed = groups.flatMap(({ groupId, offsets }) => {
    const own = new Map(offsets.filter((offset) => offset.topic === topic).map(({ partition, offset }) => [partition, offset]))
    return own.size === 0 ? [] : [{ groupId, own, first: new Map<number, bigint>(), again: 0n }]
  })
  return {
    see({ source, offset, target, targetOffset }) {
      for (const group of followed) {
        // Where a group has no position it begins by its own rule, which is not ours to guess: its records count as unread.
        const isRead = offset < (group.own.get(source) ?? 0n)
        if (!group.first.has(target)) {
          if (!isRead) group.first.set(target, targetOffset)
        } else if (isRead) group.again++
      }
    },
    positions: (ends) =>
      new Map(
        followed.map(({ groupId, first, again }) => [
          groupId,
          { again, offsets: ends.map((end, partition) => ({ topic: name, partition, offset: first.get(partition) ?? end, metadata: '' })) },
        ]),
      ),
  }
}

export function againFinding(groupId: string, topic: string, again: bigint): Finding[] {
  if (again === 0n) return []
  const message = `group ${groupId} reads ${again} records of ${topic} again: they were spread over other partitions, among records that it had not read`
  return [{ severity: 'warning', code: 'group-reads-again', component: 'kafka', item: `${groupId}/${topic}`, message }]
}
