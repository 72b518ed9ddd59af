import type { Context } from '../../base/context.ts'
import { connectPostgres, type PgClient, quoteName } from '../../clients/postgres.ts'
import { catalogQueries, serverQueries } from './catalog-queries.ts'

export interface TableContents {
  rows: string
  /** Two sums of 64-bit hashes over the text of every row: equal contents have equal sums, whatever their order. */
  checksum: string
}

export interface DatabaseInventory {
  /** `kind name` → definition. */
  objects: Map<string, string>
  /** Quoted `schema.table` → contents; materialized views too. Foreign tables hold nothing of their own. */
  tables: Map<string, TableContents>
  /** Tables whose contents a crash or a restore loses. */
  unlogged: Set<string>
  sequences: Map<string, { last: bigint | undefined; increment: bigint }>
  largeObjects: TableContents
}

/** What a live server holds, in comparable form. Every byte of every table is read, on the server. */
export interface PostgresInventory {
  objects: Map<string, string>
  databases: Map<string, DatabaseInventory>
}

/** Fixes how values are printed, so that the same value has the same text on every server. */
export const sameText = `SET extra_float_digits = 1; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; SET TimeZone = 'UTC'; SET bytea_output = 'hex';
  SET xmlbinary = 'base64'; SET lc_monetary = 'C'; SET row_security = off; SET search_path = pg_catalog; SET quote_all_identifiers = off`

/** Throws `unreachable`, `unauthorized`, `server-refused` (the role may not read something). */
export async function inventoryPostgres(url: string, context: Context, databases?: string[]): Promise<PostgresInventory> {
  await using client = await connectPostgres(url, { signal: context.signal })
  await client.query(sameText)
  const names = (
    await client.query<{ name: string }>('SELECT datname::text AS name FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1')
  ).map(({ name }) => name)
  const inventory: PostgresInventory = { objects: await readObjects(client, serverQueries), databases: new Map() }
  for (const name of names.filter((candidate) => databases?.includes(candidate) ?? true)) {
    await using there = await connectPostgres(url, { database: name, signal: context.signal })
    await there.query(sameText)
    inventory.databases.set(name, await inventoryDatabase(there, name, context))
  }
  return inventory
}

async function inventoryDatabase(client: PgClient, database: string, context: Context): Promise<DatabaseInventory> {
  // One snapshot for all: a writer must not make tables disagree with one another.
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  const objects = await readObjects(client, catalogQueries)
  const relations = await client.query<{ schema: string; name: string; unlogged: boolean }>(
    `SELECT n.nspname::text AS schema, c.relname::text AS name, c.relpersistence = 'u' AS unlogged FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated) AND n.nspname !~ '^(pg_|information_schema$)' ORDER BY 1, 2`,
  )
  const tables = new Map<string, TableContents>()
  for (const [index, { schema, name }] of relations.entries()) {
    const table = `${quoteName(schema)}.${quoteName(name)}`
    // `whole.*` is the row, even when the table has a column called `whole`.
    tables.set(table, await contents(client, `SELECT (whole.*)::text AS row FROM ONLY ${table} AS whole`))
    context.emit({ type: 'progress', task: `read database ${database}`, done: index + 1, total: relations.length, unit: 'items' })
  }
  const inventory: DatabaseInventory = {
    objects,
    tables,
    unlogged: new Set(relations.flatMap(({ schema, name, unlogged }) => (unlogged ? [`${quoteName(schema)}.${quoteName(name)}`] : []))),
    sequences: await readSequences(client),
    largeObjects: await contents(client, largeObjectRows),
  }
  await client.query('COMMIT')
  return inventory
}

/** Large objects as rows: number, owner, access and SHA-256 of their bytes. */
export const largeObjectRows = `SELECT concat_ws(' ', oid, pg_get_userbyid(lomowner), lomacl::text, encode(sha256(lo_get(oid)), 'hex')) AS row FROM pg_largeobject_metadata`

async function contents(client: PgClient, rows: string): Promise<TableContents> {
  const [row] = await client.query<{ rows: string; checksum: string }>(
    `SELECT count(*)::text AS rows,
            concat_ws(' ', sum(hashtextextended(row COLLATE "C", 0)::numeric), sum(hashtextextended(row COLLATE "C", 1)::numeric)) AS checksum
     FROM (${rows}) AS texts(row)`,
  )
  return { rows: row?.rows ?? '0', checksum: row?.checksum ?? '' }
}

async function readObjects(client: PgClient, queries: typeof catalogQueries): Promise<Map<string, string>> {
  const objects = new Map<string, string>()
  for (const { kind, sql } of queries) {
    for (const { name, definition } of await client.query<{ name: string; definition: string | null }>(
      `SELECT name::text, definition::text FROM (${sql}) AS objects ORDER BY name::text COLLATE "C"`,
    )) {
      objects.set(`${kind} ${name}`, definition ?? '')
    }
  }
  return objects
}

async function readSequences(client: PgClient): Promise<DatabaseInventory['sequences']> {
  const rows = await client.query<{ name: string; last: string | null; increment: string }>(
    `SELECT format('%I.%I', schemaname, sequencename) AS name, last_value::text AS last, increment_by::text AS increment FROM pg_sequences`,
  )
  return new Map(rows.map(({ name, last, increment }) => [name, { last: last === null ? undefined : BigInt(last), increment: BigInt(increment) }]))
}
