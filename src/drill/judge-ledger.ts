import type { CheckResult } from './checkers/check-result.ts'
import { ledgerEvents } from './checkers/ledger-events.ts'
import { ledgerInvariant } from './checkers/ledger-invariant.ts'
import { ledgerPrefix } from './checkers/ledger-prefix.ts'
import { materialise, materialised } from './checkers/materialised.ts'
import { noSnapshotAfterResume } from './checkers/no-snapshot-after-resume.ts'
import { oneCut } from './checkers/one-cut.ts'
import { wholeInTopics, wholeTransactions } from './checkers/whole-transactions.ts'
import { withoutRedelivery } from './checkers/without-redelivery.ts'
import type { DrillEvidence } from './judge.ts'
import type { LedgerObservation, ObservedEvent } from './observers/observation.ts'
import type { LedgerTransaction } from './workloads/ledger-history.ts'

/** PostgreSQL holds exactly a prefix of what was acknowledged, whole transactions, and no money was made. */
export function judgeLedger(evidence: DrillEvidence, cut: string): CheckResult[] {
  const { baseline, history, restoredLedger, startBalance } = evidence
  return [
    ledgerPrefix([...historyOf(baseline), ...history], restoredLedger, { lsn: cut }),
    wholeTransactions(history, restoredLedger),
    ledgerInvariant(restoredLedger, { balance: startBalance }),
  ]
}

/** The topics, before anything new was written to them: exactly the events of what PostgreSQL holds. Only where both were brought to one point. */
export function judgeCut(evidence: DrillEvidence): CheckResult[] {
  const { parts, finalEvents, resumedFrom, restoredLedger, baseline, history } = evidence
  if (!parts.includes('postgres') || !parts.includes('cdc')) return []
  const events = finalEvents.filter((event) => !isBehind(event, resumedFrom))
  const own = events.filter((event) => isBehind(event, evidence.began))
  return [
    oneCut([...historyOf(baseline), ...history], restoredLedger, events),
    named('ledger-events at the cut', ledgerEvents(mayRedeliver(evidence) ? withoutRedelivery(own).events : own, restoredLedger, baseline)),
    named('materialised at the cut', materialised(events, restoredLedger)),
  ]
}

/** After the writer went on: the topics go on without gap or duplicate, give the tables, and hold the invariant; what was acknowledged is there. */
export function judgeResume(evidence: DrillEvidence): CheckResult[] {
  const { finalEvents, finalLedger, restoredLedger, history, wholeHistory, startBalance, resnapshot } = evidence
  const known = new Set(history.map(nameOf))
  const since = wholeHistory.filter((one) => !known.has(nameOf(one)))
  // A snapshot brings every row once more: there the newest state of each key counts, and exactly what was written behind it.
  const [from, rows] = resnapshot ? [evidence.resumedFrom, restoredLedger] : [evidence.began, evidence.baseline]
  const own = finalEvents.filter((event) => isBehind(event, from))
  const { events, redelivered } = mayRedeliver(evidence) ? withoutRedelivery(own) : { events: own, redelivered: 0 }
  return [
    counted(ledgerEvents(events, finalLedger, rows), { redelivered }),
    noSnapshotAfterResume(finalEvents, evidence.resumedFrom),
    materialised(finalEvents, finalLedger),
    wholeInTopics(own),
    named('ledger-prefix after it', ledgerPrefix([...historyOf(restoredLedger), ...since], finalLedger, { lsn: 'FFFFFFFF/FFFFFFFF' })),
    ledgerInvariant(finalLedger, { balance: startBalance }),
    named('ledger-invariant in the topics', ledgerInvariant(materialise(finalEvents), { balance: startBalance })),
  ]
}

/**
 * Where a worker, a broker, the registry or the database went down without warning while events flowed, Debezium delivers some of them again: Kafka Connect
 * had not yet written down how far it was. Everywhere else twice is a fault.
 */
function mayRedeliver({ loss, fault }: DrillEvidence): boolean {
  return loss === 'connect' || loss === 'registry' || (fault !== undefined && /^(connect|kafka|postgres|registry) killed$/.test(fault.what))
}

function isBehind({ table, partition, offset }: ObservedEvent, ends: Record<string, Record<string, string>>): boolean {
  return BigInt(offset) >= BigInt(ends[table]?.[String(partition)] ?? '0')
}

/** A ledger as the history of somebody who wrote it long ago: all of it must be there. */
function historyOf(ledger: LedgerObservation): LedgerTransaction[] {
  return ledger.transfers.map(({ seq, epoch, debtor, creditor, amount }) => ({
    ...{ epoch, seq, debtor, creditor, amount, invokedAt: '', endedAt: '' },
    outcome: 'ok',
    lsnAfter: '0/1',
  }))
}

const nameOf = ({ epoch, seq }: LedgerTransaction) => `${epoch}/${seq}`

function named(checker: string, result: CheckResult): CheckResult {
  return { ...result, checker }
}

function counted(result: CheckResult, counts: Record<string, number>): CheckResult {
  return { ...result, counts: { ...result.counts, ...counts } }
}
