import type { ObservedEvent } from '../observers/observation.ts'

/**
 * Without events that came again exactly as they were (same key, operation, transaction and LSN): what a producer that was killed before it could
 * write its position down delivers twice, as Debezium and Connect promise no more than at least once.
 */
export function withoutRedelivery(events: ObservedEvent[]): { events: ObservedEvent[]; redelivered: number } {
  const seen = new Set<string>()
  const kept = events.filter(({ table, partition, key, op, after, txId, lsn }) => {
    if (lsn === null) return true
    const identity = JSON.stringify([table, partition, Object.entries(key).sort(), op, after?.version, txId, lsn])
    if (seen.has(identity)) return false
    seen.add(identity)
    return true
  })
  return { events: kept, redelivered: events.length - kept.length }
}
