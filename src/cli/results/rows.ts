import type { RowsResult } from '../../commands/rows.ts'
import { describe } from '../../commands/rows/write-repair.ts'
import { findingsText } from './findings.ts'

/** What a transaction did, what differs of each table with its first rows, and where the SQL is. */
export function rowsText({ backup, database, lsn, transaction, tables, output, statements, findings }: RowsResult): string {
  const done = transaction === undefined ? '' : transactionText(transaction)
  const each = tables.map((table) => {
    const examples = table.examples.map(({ kind, text }) => `  ${kind}: ${text}\n`)
    return `${describe(table)}\n${examples.join('')}`
  })
  const whole = tables.filter(({ state }) => state === 'dropped').length
  const held = `${statements} statements${whole === 0 ? '' : ` and ${whole} tables whole`}`
  const written = output === undefined ? '' : `${held} in ${output}: read it, then psql -d ${database} -f ${output}\n`
  const nothing = tables.length === 0 ? 'no table is concerned\n' : ''
  return `${done}database ${database} at ${lsn} (backup ${backup}) and now:\n${each.join('')}${nothing}${findingsText(findings)}${written}`
}

function transactionText({ xid, committedAt, tables }: NonNullable<RowsResult['transaction']>): string {
  const each = tables.map(
    ({ table, inserted, updated, deleted, emptied }) =>
      `  ${table}: ${inserted} rows inserted, ${updated} updated, ${deleted} deleted${emptied ? ', and it was emptied or dropped whole' : ''}\n`,
  )
  return `transaction ${xid}, committed ${committedAt}:\n${each.join('') || '  no table of this database\n'}`
}
