import type { ObservedRow, PostgresObservation } from '../observers/observation.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'

/** Every row of every table is there, and no other. Unlogged tables come back empty by design: that is a note. */
export function sameRows(before: PostgresObservation, after: PostgresObservation): CheckResult {
  return check('same-rows', 'postgres', () => {
    const list = new FindingList('postgres', 'datapipe verify BACKUP; then look at the row with psql')
    const restored = new Map(after.tables.map((table) => [table.name, table]))
    let rows = 0
    for (const table of before.tables) {
      const other = restored.get(table.name)
      restored.delete(table.name)
      if (other === undefined) {
        list.harm('table-missing', table.name, `table with ${table.rows.length} rows is not there`)
        continue
      }
      if (table.unlogged) {
        list.note('table-unlogged', table.name, `unlogged: ${table.rows.length} rows before, ${other.rows.length} now`)
        continue
      }
      rows += table.rows.length
      if (table.hash === other.hash && table.rows.length === other.rows.length) continue
      const { missing, extra } = difference(table.rows, other.rows)
      for (const row of missing) list.harm('row-missing', table.name, `not there any more: ${row.text}`)
      for (const row of extra) list.harm('row-extra', table.name, `was not there before: ${row.text}`)
      if (missing.length + extra.length === 0) list.harm('rows-differ', table.name, 'the hash of all rows differs')
    }
    for (const table of restored.values()) list.harm('table-extra', table.name, `table with ${table.rows.length} rows was not there before`)
    return { counts: { tables: before.tables.length, rows }, findings: list.findings, compared: rows }
  })
}

/** Both in the order of their hashes; equal rows count as often as they are there. */
function difference(before: ObservedRow[], after: ObservedRow[]): { missing: ObservedRow[]; extra: ObservedRow[] } {
  const missing: ObservedRow[] = []
  const extra: ObservedRow[] = []
  let at = 0
  for (const row of before) {
    for (let other = after[at]; other !== undefined && other.hash < row.hash; other = after[++at]) extra.push(other)
    if (after[at]?.hash === row.hash) at += 1
    else missing.push(row)
  }
  return { missing, extra: [...extra, ...after.slice(at)] }
}
