import type { LedgerObservation, ObservedEvent } from '../observers/observation.ts'
import type { LedgerTransaction } from '../workloads/ledger-history.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'

/**
 * Each transaction of the ledger is in PostgreSQL with all its transfers or with none, and what was rolled back, wholly or to a savepoint, is not
 * there. `history` is everything that was written since `ledger` was last known.
 */
export function wholeTransactions(history: LedgerTransaction[], ledger: LedgerObservation): CheckResult {
  return check('whole-transactions', 'postgres', () => {
    const list = new FindingList('postgres', 'the writer history is in the run directory; datapipe verify BACKUP')
    const held = new Set(ledger.transfers.map(({ epoch, seq }) => `${epoch}/${seq}`))
    const isHeld = ({ epoch, seq }: LedgerTransaction) => held.has(`${epoch}/${seq}`)
    const transactions = Map.groupBy(history, ({ tx, epoch, seq }) => tx ?? `${epoch}/${seq}`)
    const counts: Record<string, number> = { transactions: transactions.size }
    for (const [name, transfers] of transactions) {
      const shape = transfers[0]?.shape
      if (shape !== undefined && shape !== 'plain') counts[shape] = (counts[shape] ?? 0) + 1
      const wanted = transfers.filter(({ outcome }) => outcome !== 'fail')
      const there = wanted.filter(isHeld)
      if (there.length > 0 && there.length < wanted.length)
        list.harm('transaction-torn', `ledger transaction ${name}`, `${there.length} of its ${wanted.length} transfers are there`, 'ledger')
      for (const { epoch, seq } of transfers.filter((one) => one.outcome === 'fail' && isHeld(one)))
        list.harm('failed-commit-there', `ledger transfer ${epoch}/${seq}`, 'it was rolled back, but it is there', 'ledger')
    }
    return { counts, findings: list.findings, compared: transactions.size }
  })
}

/**
 * Each transaction of which a streamed event is in the topics is there whole: for each transfer one event, two of its entries, two of accounts.
 * Events that an at-least-once delivery brought again do not count twice.
 */
export function wholeInTopics(events: ObservedEvent[]): CheckResult {
  return check('whole-in-topics', 'kafka', () => {
    const list = new FindingList('kafka', 'the events are in the run directory; datapipe verify BACKUP')
    const streamed = events.filter(({ txId, op, snapshot }) => txId !== null && op !== 'r' && snapshot === 'false')
    // A server that was taken back gives the numbers of lost transactions out again.
    const transactions = Map.groupBy(streamed, ({ txId }) => txId)
    let transfers = 0
    for (const [txId, own] of transactions) {
      const distinct = (table: string) =>
        new Set(own.filter((event) => event.table === table).map(({ key, after, lsn }) => JSON.stringify([key, after?.version, lsn]))).size
      const [made, entries, moves] = [distinct('ledger_transfer'), distinct('ledger_entry'), distinct('ledger_account')]
      transfers += made
      if (entries !== 2 * made || moves !== 2 * made)
        list.harm(
          'transaction-torn',
          `transaction ${txId}`,
          `${made} transfers, ${entries} entries and ${moves} account changes are in the topics`,
          'ledger',
        )
    }
    return { counts: { transactions: transactions.size, transfers }, findings: list.findings, compared: transactions.size }
  })
}
