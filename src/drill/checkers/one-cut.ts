import type { LedgerObservation, ObservedEvent } from '../observers/observation.ts'
import type { LedgerTransaction } from '../workloads/ledger-history.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'

export interface Skew {
  /** Acknowledged transfers that did not come back, of each store. */
  lostInPostgres: number
  lostInTopics: number
  /** Acknowledged transfers that one of the two has and the other has not: zero when both stand at one cut. */
  skew: number
}

/** Counts what each store lost of the acknowledged transfers, and how far they are apart. */
export function skewOf(history: LedgerTransaction[], ledger: LedgerObservation, events: ObservedEvent[]): Skew {
  const { rows, streamed } = heldBy(ledger, events)
  const acknowledged = history.filter(({ outcome }) => outcome === 'ok').map(({ epoch, seq }) => `${epoch}/${seq}`)
  return {
    lostInPostgres: acknowledged.filter((name) => !rows.has(name)).length,
    lostInTopics: acknowledged.filter((name) => !streamed.has(name)).length,
    skew: acknowledged.filter((name) => rows.has(name) !== streamed.has(name)).length,
  }
}

/**
 * PostgreSQL and the topics stand at one cut right after the restore, before anything new is written: each transfer is in both or in neither.
 * One that the topics alone have is a phantom: consumers have seen what never happened.
 */
export function oneCut(history: LedgerTransaction[], ledger: LedgerObservation, events: ObservedEvent[]): CheckResult {
  return check('one-cut', 'kafka', () => {
    const list = new FindingList('kafka', 'datapipe show BACKUP for the recovery point; datapipe diff BACKUP live')
    const { rows, streamed } = heldBy(ledger, events)
    for (const name of rows)
      if (!streamed.has(name)) list.harm('event-missing', `ledger transfer ${name}`, 'is in PostgreSQL and in no topic', 'ledger')
    for (const name of streamed)
      if (!rows.has(name)) list.harm('phantom-event', `ledger transfer ${name}`, 'is in the topics, PostgreSQL has no such transaction', 'ledger')
    return { counts: { transfers: rows.size, ...skewOf(history, ledger, events) }, findings: list.findings, compared: rows.size }
  })
}

function heldBy(ledger: LedgerObservation, events: ObservedEvent[]): { rows: Set<string>; streamed: Set<string> } {
  return {
    rows: new Set(ledger.transfers.map(({ epoch, seq }) => `${epoch}/${seq}`)),
    streamed: new Set(
      events.filter(({ table, after }) => table === 'ledger_transfer' && after !== null).map(({ after }) => `${after?.epoch}/${after?.seq}`),
    ),
  }
}
