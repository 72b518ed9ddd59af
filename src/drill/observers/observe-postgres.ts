import { DatapipeError } from '../../base/errors.ts'
import { clip, listHash, textHash } from './evidence-hash.ts'
import type { ObservedRow, ObservedTable, PostgresObservation } from './observation.ts'
import { observeDefinitions } from './postgres-definitions.ts'
import { inSnapshot } from './postgres-session.ts'
import type { Client } from 'pg'

export interface ObservePostgres {
  /** Quoted, schema-qualified names that others check (the ledger, which goes on changing). */
  exceptTables?: string[]
  signal: AbortSignal
}

const userSchemas = `n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'`

/**
 * Every row of every user table and materialized view (each partition for itself), every definition, sequence and large object, in one snapshot.
 * Rows are PostgreSQL's own text of the whole row under fixed settings. Needs a role that may read everything; row security is off.
 */
export async function observePostgres(url: string, options: ObservePostgres): Promise<PostgresObservation> {
  return inSnapshot(url, async (client) => {
    const relations = await client.query<{ name: string; relkind: string; relpersistence: string }>(
      `SELECT format('%I.%I', n.nspname, c.relname) AS name, c.relkind, c.relpersistence FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND ${userSchemas} ORDER BY 1`,
    )
    const tables: ObservedTable[] = []
    for (const { name, relkind, relpersistence } of relations.rows) {
      if (options.exceptTables?.includes(name)) continue
      const rows = await readRows(client, name, options.signal)
      tables.push({
        name,
        kind: relkind === 'm' ? 'materialized view' : 'table',
        unlogged: relpersistence === 'u',
        rows,
        hash: listHash(rows.map((row) => row.hash)),
      })
    }
    const database = await client.query<{ name: string }>('SELECT current_database() AS name')
    return {
      database: database.rows[0]?.name ?? '',
      tables,
      definitions: await observeDefinitions(client),
      sequences: await readSequences(client),
      largeObjects: await readLargeObjects(client),
    }
  })
}

async function readRows(client: Client, table: string, signal: AbortSignal): Promise<ObservedRow[]> {
  const rows: ObservedRow[] = []
  await client.query(`DECLARE observed NO SCROLL CURSOR FOR SELECT ROW(datapipe_row.*)::text AS text FROM ONLY ${table} AS datapipe_row`)
  for (;;) {
    if (signal.aborted) throw new DatapipeError('interrupted', 'interrupted while reading rows', { path: table })
    const page = await client.query<{ text: string }>('FETCH 2000 FROM observed')
    for (const { text } of page.rows) rows.push({ hash: textHash(text), text: clip(text, 200) })
    if (page.rows.length < 2000) break
  }
  await client.query('CLOSE observed')
  return rows.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0))
}

async function readSequences(client: Client): Promise<PostgresObservation['sequences']> {
  const sequences = await client.query<{ name: string; lastValue: string; increment: string }>(
    `SELECT format('%I.%I', schemaname, sequencename) AS name, coalesce(last_value::text, 'unused') AS "lastValue", increment_by::text AS increment
     FROM pg_sequences ORDER BY 1`,
  )
  return sequences.rows
}

async function readLargeObjects(client: Client): Promise<PostgresObservation['largeObjects']> {
  const objects = await client.query<{ oid: string }>('SELECT oid::text FROM pg_largeobject_metadata ORDER BY pg_largeobject_metadata.oid')
  const observed: PostgresObservation['largeObjects'] = []
  for (const { oid } of objects.rows) {
    // Page by page, so that no object is too large for one value; the pages' hashes in order stand for the content.
    const pages = await client.query<{ hash: string; bytes: number }>(
      `SELECT encode(sha256(data), 'hex') AS hash, length(data) AS bytes FROM pg_largeobject WHERE loid = $1 ORDER BY pageno`,
      [oid],
    )
    observed.push({ oid, bytes: String(pages.rows.reduce((sum, page) => sum + page.bytes, 0)), hash: listHash(pages.rows.map((page) => page.hash)) })
  }
  return observed
}
