import { DatapipeError } from '../../base/errors.ts'
import { matchesAny } from '../../components/kafka/match-names.ts'
import type { TableListing } from '../../components/postgres/table-shape.ts'

/** `schema.table` as it is written without quotes, the quoted form, or the table alone; `*` and `?` stand for any text and any character. */
function fits({ schema, name, table }: TableListing, pattern: string): boolean {
  return [`${schema}.${name}`, table, name].some((text) => text === pattern || matchesAny(text, [pattern]))
}

/** The tables that the patterns name; a partition is compared through its root, so it is taken only when it is named itself. Throws `usage`. */
export function chooseTables(tables: readonly TableListing[], patterns: readonly string[]): TableListing[] {
  for (const pattern of patterns) {
    if (tables.some((table) => fits(table, pattern))) continue
    throw new DatapipeError('usage', `--table ${pattern} names no table of the database at that point`, {
      path: pattern,
      hint: `it has ${
        tables.length === 0
          ? 'none'
          : `${tables
              .slice(0, 8)
              .map(({ schema, name }) => `${schema}.${name}`)
              .join(', ')}${tables.length > 8 ? '…' : ''}`
      }; --database chooses another database`,
    })
  }
  const chosen = tables.filter((table) => patterns.some((pattern) => fits(table, pattern)))
  return chosen.filter((table) => !table.partition || !chosen.some((other) => other.partitioned && !other.partition))
}
