import type { LedgerObservation, ObservedEvent } from '../observers/observation.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'

/**
 * The change events of the ledger's topics, over the whole history, are exactly the ledger: one event for every row of `ledger_transfer` and
 * `ledger_entry` with its values, none for a row that is not there; and for each account one event a version, counting up without a gap from
 * the first one (of the snapshot, or of its creation) to the version and balance that it has now. `events` names the tables so, in the order of
 * each partition. With a `baseline` the events are those since it: of its rows there is none, and versions go on from its own.
 */
export function ledgerEvents(events: ObservedEvent[], ledger: LedgerObservation, baseline: LedgerObservation = nothing): CheckResult {
  return check('ledger-events', 'kafka', () => {
    const list = new FindingList('kafka', 'the writer history and the events are in the run directory; datapipe verify BACKUP')
    const of = (table: string) => events.filter((event) => event.table === table)
    const rows = (table: string, key: string[], all: Record<string, string | number>[]) => compareRows(of(table), table, key, all, list)
    const known = new Set(baseline.transfers.map(({ seq }) => seq))
    const transfers = ledger.transfers.filter(({ seq }) => !known.has(seq))
    const entries = ledger.entries.filter(({ seq }) => !known.has(seq))
    rows('ledger_transfer', ['seq'], transfers)
    rows('ledger_entry', ['seq', 'side'], entries)
    const byAccount = Map.groupBy(of('ledger_account'), (event) => event.key.id ?? '')
    for (const account of ledger.accounts) {
      const own = byAccount.get(String(account.id)) ?? []
      byAccount.delete(String(account.id))
      const { version } = baseline.accounts.find(({ id }) => id === account.id) ?? {}
      compareVersions(own, account, { since: version === undefined ? undefined : BigInt(version), list })
    }
    for (const [id, [event]] of byAccount)
      list.harm('event-of-nothing', `ledger_account ${id}`, `an event of an account that is not there, at ${place(event)}`)
    const counts = {
      transfers: transfers.length,
      entries: entries.length,
      accounts: ledger.accounts.length,
      events: events.length,
      snapshotEvents: events.filter((event) => event.op === 'r').length,
    }
    return { counts, findings: list.findings, compared: Math.min(counts.transfers, counts.events) }
  })
}

const nothing: LedgerObservation = { transfers: [], entries: [], accounts: [] }

function place(event: ObservedEvent | undefined): string {
  return event === undefined ? 'nowhere' : `${event.table}/${event.partition}/${event.offset}`
}

/** Rows that are inserted and never touched again. */
function compareRows(events: ObservedEvent[], table: string, key: string[], rows: Record<string, string | number>[], list: FindingList): void {
  const nameOf = (row: Record<string, string | number>) => key.map((column) => row[column]).join('/')
  const seen = Map.groupBy(events, (event) => nameOf(event.key))
  for (const row of rows) {
    const name = nameOf(row)
    const own = seen.get(name) ?? []
    seen.delete(name)
    const item = `${table} ${name}`
    const [event] = own
    if (event === undefined) list.harm('event-missing', item, `no event for the row ${JSON.stringify(row)}`, table)
    else if (own.length > 1) list.harm('event-doubled', item, `${own.length} events for one row, at ${own.map(place).join(' and ')}`, table)
    else if (event.op !== 'c' && event.op !== 'r')
      list.harm('event-unexpected', item, `op ${event.op} for a row that was only inserted, at ${place(event)}`, table)
    else {
      const differing = Object.entries(row).filter(([column, value]) => event.after?.[column] !== String(value))
      if (differing.length > 0)
        list.harm(
          'event-differs',
          item,
          `${differing.map(([column, value]) => `${column} is ${value} in the table, ${event.after?.[column]} in the event`).join(', ')}`,
          table,
        )
    }
  }
  for (const [name, own] of seen)
    list.harm('event-of-nothing', `${table} ${name}`, `an event of a row that is not there, at ${own.map(place).join(' and ')}`, table)
}

function compareVersions(
  events: ObservedEvent[],
  account: LedgerObservation['accounts'][number],
  { since, list }: { since: bigint | undefined; list: FindingList },
): void {
  const item = `ledger_account ${account.id}`
  const [first] = events
  if (first === undefined) {
    if (since === BigInt(account.version)) return
    list.harm('event-missing', item, 'no event for the account', 'ledger_account')
    return
  }
  if (events.some((event) => event.partition !== first.partition))
    list.harm('key-in-two-partitions', item, 'one key, several partitions: its order is lost', 'ledger_account')
  if (since === undefined && first.op !== 'r' && first.op !== 'c')
    list.harm('event-missing', item, `its history begins with op ${first.op} at ${place(first)}`, 'ledger_account')
  let last = since
  for (const event of events) {
    const version = BigInt(event.after?.version ?? -1)
    if ((event !== first || since !== undefined) && event.op !== 'u')
      list.harm('event-unexpected', item, `op ${event.op} at ${place(event)}`, 'ledger_account')
    if (last !== undefined && version === last) list.harm('event-doubled', item, `version ${version} again at ${place(event)}`, 'ledger_account')
    else if (last !== undefined && version < last)
      list.harm('event-reordered', item, `version ${version} after ${last} at ${place(event)}`, 'ledger_account')
    else if (last !== undefined && version > last + 1n)
      list.harm('event-missing', item, `version ${version} follows ${last} at ${place(event)}`, 'ledger_account')
    last = version
  }
  const newest = events.at(-1)
  if (newest?.after?.version !== account.version || newest.after.balance !== account.balance)
    list.harm(
      'event-missing',
      item,
      `the last event has version ${newest?.after?.version} and balance ${newest?.after?.balance}, the table ${account.version} and ${account.balance}`,
      'ledger_account',
    )
}
