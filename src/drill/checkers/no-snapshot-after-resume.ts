import type { ObservedEvent } from '../observers/observation.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'

/**
 * After the resume everything was streamed: no event comes from a snapshot. `from` says where each partition of each table ended before it
 * (`table → partition → offset`; 0 where left out).
 */
export function noSnapshotAfterResume(events: ObservedEvent[], from: Record<string, Record<string, string>>): CheckResult {
  return check('no-snapshot-after-resume', 'connect', () => {
    const list = new FindingList('connect', 'look for "snapshot" in the Connect log; check snapshot.mode and the connector offset')
    const later = events.filter((event) => BigInt(event.offset) >= BigInt(from[event.table]?.[String(event.partition)] ?? '0'))
    for (const event of later)
      if (event.op === 'r' || (event.snapshot !== 'false' && event.snapshot !== ''))
        list.harm(
          'snapshot-after-resume',
          `${event.table}/${event.partition}/${event.offset}`,
          `op ${event.op}, snapshot ${event.snapshot}: the rows came again`,
          event.table,
        )
    return { counts: { events: later.length }, findings: list.findings, compared: later.length }
  })
}
