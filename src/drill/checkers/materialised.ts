import type { LedgerObservation, ObservedEvent } from '../observers/observation.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'

/** What a consumer holds that applies every event of the ledger's topics in the order of each partition: the newest state of each key. */
export function materialise(events: ObservedEvent[]): LedgerObservation {
  const tables = new Map<string, Map<string, Record<string, string>>>()
  for (const { table, key, after } of events) {
    const rows = tables.get(table) ?? new Map<string, Record<string, string>>()
    tables.set(table, rows)
    const name = JSON.stringify(Object.entries(key).sort())
    if (after === null) rows.delete(name)
    else rows.set(name, after)
  }
  const rows = (table: string) => [...(tables.get(table)?.values() ?? [])]
  const text = (row: Record<string, string>, column: string) => row[column] ?? ''
  return {
    transfers: rows('ledger_transfer').map((row) => ({
      seq: text(row, 'seq'),
      epoch: Number(row.epoch),
      debtor: Number(row.debtor),
      creditor: Number(row.creditor),
      amount: text(row, 'amount'),
    })),
    entries: rows('ledger_entry').map((row) => ({
      seq: text(row, 'seq'),
      side: text(row, 'side'),
      account: Number(row.account),
      amount: text(row, 'amount'),
    })),
    accounts: rows('ledger_account').map((row) => ({ id: Number(row.id), balance: text(row, 'balance'), version: text(row, 'version') })),
  }
}

/** The topics, applied, give the tables: a consumer that read them all holds what PostgreSQL holds, no row more, none less. */
export function materialised(events: ObservedEvent[], ledger: LedgerObservation): CheckResult {
  return check('materialised', 'kafka', () => {
    const list = new FindingList('kafka', 'the events are in the run directory; datapipe diff BACKUP live')
    const topics = materialise(events)
    const compare = <T extends object>(table: string, held: T[], wanted: T[], name: (row: T) => string) => {
      const rows = new Map(held.map((row) => [name(row), row]))
      for (const row of wanted) {
        const own = rows.get(name(row))
        rows.delete(name(row))
        if (own === undefined) list.harm('row-not-in-topics', `${table} ${name(row)}`, `the table has ${JSON.stringify(row)}`, table)
        else if (JSON.stringify(Object.entries(own).sort()) !== JSON.stringify(Object.entries(row).sort()))
          list.harm('row-differs-in-topics', `${table} ${name(row)}`, `${JSON.stringify(own)} instead of ${JSON.stringify(row)}`, table)
      }
      for (const [item, row] of rows)
        list.harm('row-in-topics-alone', `${table} ${item}`, `consumers hold ${JSON.stringify(row)}, the table has no such row`, table)
    }
    compare('ledger_transfer', topics.transfers, ledger.transfers, ({ seq }) => seq)
    compare('ledger_entry', topics.entries, ledger.entries, ({ seq, side }) => `${seq}/${side}`)
    compare('ledger_account', topics.accounts, ledger.accounts, ({ id }) => String(id))
    const rows = ledger.transfers.length + ledger.entries.length + ledger.accounts.length
    return { counts: { rows }, findings: list.findings, compared: ledger.transfers.length }
  })
}
