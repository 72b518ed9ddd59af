import { join } from 'node:path'
import type { Context } from '../../base/context.ts'
import { runTool } from '../../clients/exec.ts'
import { type PgClient, quoteLiteral, quoteName, toolConnection, withDatabase } from '../../clients/postgres.ts'
import type { PostgresTools } from './tools.ts'

/** What went with dropped tables, and comes back behind them. */
export interface WentAlong {
  /** Views that read them, and are gone too: quoted names. */
  views: string[]
  /** Schemas that are gone, with their statements. */
  schemas: string[]
  /** Foreign keys of other tables to them, as statements: NOT VALID, since rows written after the point may refer to what is not there. */
  constraints: string[]
  /** Their places in publications, as statements: without them change capture does not see the table any more. */
  publications: string[]
  /** Types of their columns that the live database lacks. */
  missingTypes: string[]
}

/** Asks the scratch server (`scratch`), which still has the tables, and the live database what else a DROP has taken. */
export async function wentAlong(scratch: PgClient, live: PgClient, oids: readonly number[]): Promise<WentAlong> {
  const views = await namesOf(
    scratch,
    `WITH RECURSIVE readers(oid) AS (
       SELECT unnest($1::oid[])
       UNION
       SELECT r.ev_class FROM readers d JOIN pg_depend p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = d.oid AND p.classid = 'pg_rewrite'::regclass AND p.deptype = 'n'
       JOIN pg_rewrite r ON r.oid = p.objid WHERE r.ev_class <> d.oid)
     SELECT format('%I.%I', n.nspname, c.relname) AS name FROM readers JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('v', 'm') ORDER BY 1`,
    [oids],
  )
  const schemas = await namesOf(
    scratch,
    'SELECT DISTINCT n.nspname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY ($1::oid[])',
    [oids],
  )
  const constraints = await scratch.query<{ table: string; name: string; sql: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS table, k.conname::text AS name,
       format(CASE WHEN c.relkind = 'r' AND k.convalidated AND (SELECT p.relkind FROM pg_class p WHERE p.oid = k.confrelid) = 'r'
         THEN E'ALTER TABLE %1$I.%2$I ADD CONSTRAINT %3$I %4$s NOT VALID;\n-- holds for new rows; for the others, once they fit: ALTER TABLE %1$I.%2$I VALIDATE CONSTRAINT %3$I;'
         ELSE 'ALTER TABLE %1$I.%2$I ADD CONSTRAINT %3$I %4$s;' END, n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid)) AS sql
     FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = ANY ($1::oid[]) AND k.conrelid <> ALL ($1::oid[]) ORDER BY 1, 2`,
    [oids],
  )
  const publications = await scratch.query<{ publication: string; sql: string }>(
    `SELECT p.pubname::text AS publication, format('ALTER PUBLICATION %I ADD TABLE %s%I.%I%s%s;', p.pubname, CASE WHEN c.relkind = 'p' THEN '' ELSE 'ONLY ' END, n.nspname, c.relname,
       ' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (r.prattrs)) || ')',
       ' WHERE ' || pg_get_expr(r.prqual, r.prrelid)) AS sql
     FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE r.prrelid = ANY ($1::oid[]) ORDER BY 1, 2`,
    [oids],
  )
  const types = await namesOf(
    scratch,
    `SELECT DISTINCT format('%I.%I', n.nspname, t.typname) AS name FROM pg_attribute a JOIN pg_type col ON col.oid = a.atttypid
     JOIN pg_type t ON t.oid = CASE WHEN col.typelem <> 0 AND col.typlen = -1 THEN col.typelem ELSE col.oid END JOIN pg_namespace n ON n.oid = t.typnamespace
     WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname !~ '^(pg_|information_schema$)' ORDER BY 1`,
    [oids],
  )
  const there = async (query: string, names: string[]) => new Set(names.length === 0 ? [] : await namesOf(live, query, [names]))
  const liveViews = await there('SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL', views)
  const liveSchemas = await there('SELECT nspname AS name FROM pg_namespace WHERE nspname = ANY ($1::text[])', schemas)
  const liveTypes = await there('SELECT name FROM unnest($1::text[]) AS name WHERE to_regtype(name) IS NOT NULL', types)
  const liveTables = await there(
    'SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL',
    constraints.map(({ table }) => table),
  )
  const livePublications = await there(
    'SELECT pubname AS name FROM pg_publication WHERE pubname = ANY ($1::text[]) AND NOT puballtables',
    publications.map(({ publication }) => publication),
  )
  const kept = await constraintNames(live)
  return {
    views: views.filter((name) => !liveViews.has(name)),
    schemas: schemas.filter((name) => !liveSchemas.has(name)).map((name) => `CREATE SCHEMA ${quoteName(name)};`),
    constraints: constraints.filter(({ table, name }) => liveTables.has(table) && !kept.has(`${table} ${name}`)).map(({ sql }) => sql),
    publications: publications.filter(({ publication }) => livePublications.has(publication)).map(({ sql }) => sql),
    missingTypes: types.filter((name) => !liveTypes.has(name)),
  }
}

async function namesOf(client: PgClient, sql: string, parameters: unknown[]): Promise<string[]> {
  return (await client.query<{ name: string }>(sql, parameters)).map(({ name }) => name)
}

async function constraintNames(live: PgClient): Promise<Set<string>> {
  const names = await namesOf(
    live,
    "SELECT format('%I.%I %s', n.nspname, c.relname, k.conname) AS name FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.contype = 'f'",
    [],
  )
  return new Set(names)
}

export const dumpSections = ['pre-data', 'data', 'post-data'] as const
export type DumpSection = (typeof dumpSections)[number]

export interface DumpOptions {
  tools: PostgresTools
  /** Of the scratch server. */
  url: string
  database: string
  /** Quoted names: tables and views. */
  names: string[]
  section: DumpSection
  file: string
  context: Context
}

/** Writes one section of the definition and rows of tables, as PostgreSQL's own pg_dump tells them. Throws `tool-missing`, `tool-failed`. */
export async function dumpTables({ tools, url, database, names, section, file, context }: DumpOptions): Promise<void> {
  const { connection, env } = toolConnection(withDatabase(url, database))
  const args = [`--dbname=${connection}`, `--section=${section}`, `--file=${file}`, '--encoding=UTF8', ...names.map((name) => `--table=${name}`)]
  await runTool(join(tools.directory, 'pg_dump'), args, { env, signal: context.signal })
}

/** Triggers of a table that fire for the statements of a repair. */
export async function firingTriggers(live: PgClient, table: string): Promise<string[]> {
  return namesOf(
    live,
    `SELECT tgname::text AS name FROM pg_trigger WHERE tgrelid = ${quoteLiteral(table)}::regclass AND NOT tgisinternal AND tgenabled IN ('O', 'A') ORDER BY 1`,
    [],
  )
}
