import type { PgClient } from '../../clients/postgres.ts'
import type { ReadTransaction } from '../../components/postgres/read-transaction.ts'
import type { TouchedRows } from '../../components/postgres/row-differences.ts'
import type { TableListing } from '../../components/postgres/table-shape.ts'

/** What a transaction did to a table; to a partitioned one, through its partitions. */
export interface TouchedTable {
  /** Quoted `"schema"."table"`. */
  table: string
  inserted: number
  updated: number
  deleted: number
  /** It was dropped, truncated or rewritten whole. */
  emptied: boolean
  listing: TableListing
  touched: TouchedRows
}

/** Finds the tables of the files that a transaction wrote to, on a server that stands just before its commit: there every file is still the table's. */
export async function touchedTables(
  scratch: PgClient,
  { all, transaction }: { all: readonly TableListing[]; transaction: ReadTransaction },
): Promise<TouchedTable[]> {
  const [own] = await scratch.query<{ oid: number }>('SELECT oid FROM pg_database WHERE datname = current_database()')
  const files = transaction.files.filter(({ database }) => database === own?.oid)
  const tables = await scratch.query<{ file: number; leaf: number; root: number }>(
    `SELECT pg_relation_filenode(c.oid)::oid AS file, c.oid AS leaf, coalesce(pg_partition_root(c.oid)::oid, c.oid) AS root
     FROM pg_class c WHERE c.relkind = 'r' AND pg_relation_filenode(c.oid) = ANY ($1::oid[])`,
    [files.map(({ file }) => file)],
  )
  const found = new Map<number, TouchedTable>()
  for (const { file, leaf, root } of tables) {
    const listing = all.find(({ oid }) => oid === root)
    const written = files.find((candidate) => candidate.file === file)
    if (listing === undefined || written === undefined) continue
    const before = found.get(root)
    const places = written.places.map((place) => `${leaf}${place}`)
    const emptied = written.removed || (before?.emptied ?? false)
    const known = before === undefined || before.touched.places === 'all' ? [] : before.touched.places
    found.set(root, {
      table: listing.table,
      inserted: (before?.inserted ?? 0) + written.inserted,
      updated: (before?.updated ?? 0) + written.updated,
      deleted: (before?.deleted ?? 0) + written.deleted,
      emptied,
      listing,
      touched: { xid: transaction.xid, places: emptied ? 'all' : [...known, ...places] },
    })
  }
  return [...found.values()].sort((a, b) => (a.table < b.table ? -1 : 1))
}
