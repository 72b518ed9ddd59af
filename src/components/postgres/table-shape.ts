import { DatapipeError } from '../../base/errors.ts'
import { type PgClient, quoteName } from '../../clients/postgres.ts'

/** A table that rows are compared of: a plain one, or the root of a partitioned one, which stands for all of its partitions. */
export interface TableListing {
  oid: number
  schema: string
  name: string
  /** Quoted `"schema"."table"`. */
  table: string
  partitioned: boolean
  /** It is a partition: its rows are compared through its root, unless it was dropped alone. */
  partition: boolean
}

export interface TableColumn {
  name: string
  type: string
  generated: boolean
  /** GENERATED ALWAYS AS IDENTITY: a value is taken with OVERRIDING SYSTEM VALUE alone, and never by an UPDATE. */
  identityAlways: boolean
}

export interface TableShape {
  columns: TableColumn[]
  /** Columns of the primary key, else of the smallest unique index without NULLs; empty when there is neither. */
  key: string[]
}

/** Every table of the database that holds rows of its own or through its partitions, system schemas left out, by name. */
export async function listTables(client: PgClient): Promise<TableListing[]> {
  const rows = await client.query<{ oid: number; schema: string; name: string; kind: string; partition: boolean }>(
    `SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, c.relispartition AS partition
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^(pg_|information_schema$)' ORDER BY 2, 3`,
  )
  return rows.map(({ oid, schema, name, kind, partition }) => ({
    oid,
    schema,
    name,
    table: `${quoteName(schema)}.${quoteName(name)}`,
    partitioned: kind === 'p',
    partition,
  }))
}

export interface Partition {
  oid: number
  /** Quoted `"schema"."table"`. */
  table: string
  /** Makes it anew below the table that it belongs to, with what that hands down: columns, keys, indexes, foreign keys, triggers. */
  create: string
}

/** Every partition below a partitioned table, their own partitions behind them. */
export async function partitionsOf(client: PgClient, oid: number): Promise<Partition[]> {
  const rows = await client.query<{ oid: number; schema: string; name: string; create: string }>(
    `SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name,
       format('CREATE TABLE %I.%I PARTITION OF %I.%I %s%s; ALTER TABLE %1$I.%2$I OWNER TO %7$I;', n.nspname, c.relname, pn.nspname, p.relname, pg_get_expr(c.relpartbound, c.oid),
         ' PARTITION BY ' || pg_get_partkeydef(c.oid), pg_get_userbyid(c.relowner)) AS "create"
     FROM pg_partition_tree($1::oid) t JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_class p ON p.oid = t.parentrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
     WHERE t.relid <> $1::oid ORDER BY t.level, 2, 3`,
    [oid],
  )
  return rows.map(({ schema, name, ...rest }) => ({ ...rest, table: `${quoteName(schema)}.${quoteName(name)}` }))
}

export async function tableShape(client: PgClient, oid: number): Promise<TableShape> {
  const columns = await client.query<TableColumn>(
    `SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type, attgenerated <> '' AS generated, attidentity = 'a' AS "identityAlways"
     FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [oid],
  )
  const indexed = await client.query<{ index: number; name: string }>(
    `SELECT i.indexrelid AS index, a.attname::text AS name
     FROM pg_index i CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS place JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[place]
     WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
       AND NOT EXISTS (SELECT FROM pg_attribute k WHERE k.attrelid = i.indrelid AND k.attnum = ANY (i.indkey) AND NOT k.attnotnull)
     ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid, place`,
    [oid],
  )
  return { columns, key: indexed.filter(({ index }) => index === indexed[0]?.index).map(({ name }) => name) }
}

/** What of a table is compared: the columns that both sides have and that can be written. */
export interface ComparedTable {
  table: string
  partitioned: boolean
  key: string[]
  columns: TableColumn[]
  /** Columns of the backup that the live table lacks: their values come back by no row. */
  lacking: TableColumn[]
}

/** Throws `not-supported` when the live table lacks a column of the key. */
export function comparedTable({ table, partitioned }: TableListing, backup: TableShape, live: TableShape): ComparedTable {
  const there = new Map(live.columns.map((column) => [column.name, column]))
  const lacking = backup.columns.filter(({ name }) => !there.has(name))
  const lost = lacking.find(({ name }) => backup.key.includes(name))
  if (lost !== undefined) {
    throw new DatapipeError('not-supported', `the live table ${table} has lost ${quoteName(lost.name)}, a column of its key`, {
      path: table,
      hint: `add it first: ALTER TABLE ${table} ADD COLUMN ${quoteName(lost.name)} ${lost.type}`,
    })
  }
  const columns = backup.columns.flatMap((column) => {
    const other = there.get(column.name)
    return other === undefined || other.generated || column.generated ? [] : [{ ...column, identityAlways: other.identityAlways }]
  })
  // A key that is computed cannot be told apart from its row.
  const key = backup.key.every((name) => columns.some((column) => column.name === name)) ? backup.key : []
  return { table, partitioned, key, columns, lacking }
}

/** The tables in an order in which a row's parents come before it, by the foreign keys among them; cycles stay as they are. */
export async function parentsFirst<T extends { oid: number }>(client: PgClient, tables: readonly T[]): Promise<T[]> {
  const links = await client.query<{ child: number; parent: number }>(
    "SELECT conrelid::oid AS child, confrelid::oid AS parent FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid",
  )
  const byOid = new Map(tables.map((table) => [table.oid, table]))
  const ordered = new Set<T>()
  const visiting = new Set<T>()
  const visit = (table: T) => {
    if (ordered.has(table) || visiting.has(table)) return
    visiting.add(table)
    for (const { child, parent } of links) {
      const other = byOid.get(parent)
      if (child === table.oid && other !== undefined) visit(other)
    }
    ordered.add(table)
  }
  for (const table of tables) visit(table)
  return [...ordered]
}
