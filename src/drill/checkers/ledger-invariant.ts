import type { LedgerObservation } from '../observers/observation.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'

/** Each transaction is there whole: two entries a transfer that cancel out, balances and versions that follow from the entries, an unchanged sum. */
export function ledgerInvariant(ledger: LedgerObservation, start: { balance: number }): CheckResult {
  return check('ledger-invariant', 'postgres', () => {
    const list = new FindingList('postgres', 'datapipe verify BACKUP; psql: SELECT sum(balance) FROM ledger_account')
    const entries = Map.groupBy(ledger.entries, (entry) => entry.seq)
    const moved = new Map<number, { sum: bigint; count: bigint }>()
    for (const entry of ledger.entries) {
      const { sum, count } = moved.get(entry.account) ?? { sum: 0n, count: 0n }
      moved.set(entry.account, { sum: sum + BigInt(entry.amount), count: count + 1n })
    }
    for (const { seq, debtor, creditor, amount } of ledger.transfers) {
      const own = (entries.get(seq) ?? []).map((entry) => `${entry.side} ${entry.account} ${entry.amount}`).sort()
      entries.delete(seq)
      const wanted = [`credit ${creditor} ${amount}`, `debit ${debtor} -${amount}`]
      if (own.join() !== wanted.join())
        list.harm('transaction-torn', `ledger transfer ${seq}`, `entries are [${own.join(', ')}] instead of [${wanted.join(', ')}]`, 'ledger')
    }
    for (const seq of entries.keys()) list.harm('transaction-torn', `ledger transfer ${seq}`, 'has entries but is not there', 'ledger')
    for (const { id, balance, version } of ledger.accounts) {
      const { sum, count } = moved.get(id) ?? { sum: 0n, count: 0n }
      if (BigInt(balance) !== BigInt(start.balance) + sum || BigInt(version) !== count)
        list.harm(
          'balance-wrong',
          `ledger account ${id}`,
          `holds ${balance} at version ${version}; ${count} entries make it ${BigInt(start.balance) + sum}`,
          'ledger',
        )
    }
    const total = ledger.accounts.reduce((sum, account) => sum + BigInt(account.balance), 0n)
    const wanted = BigInt(start.balance) * BigInt(ledger.accounts.length)
    if (total !== wanted) list.harm('sum-changed', 'ledger_account', `balances add up to ${total} instead of ${wanted}`)
    const counts = { transfers: ledger.transfers.length, entries: ledger.entries.length, accounts: ledger.accounts.length }
    return { counts, findings: list.findings, compared: counts.transfers }
  })
}
