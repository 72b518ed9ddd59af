import type { Context } from '../../base/context.ts'
import type { Finding } from '../../base/finding.ts'
import { connectPostgres, type PgClient, quoteName } from '../../clients/postgres.ts'
import { compareRows } from './compare-rows.ts'
import { type DatabaseInventory, inventoryPostgres, largeObjectRows, sameText } from './inventory.ts'

export interface DiffOptions {
  /** Names of the sides in messages, `['backup', 'live']` by default. */
  sides?: [string, string]
  /** Findings per table after which its comparison stops (default 5). */
  limit?: number
  /** Only these databases; all of both servers when left out. */
  databases?: string[]
}

/** PostgreSQL writes a sequence ahead by so many values, so that a recovered one may have skipped them (commands/sequence.c, SEQ_LOG_VALS). */
const sequenceLead = 32n

/**
 * Compares two live servers: roles, databases, every object's definition, every row of every table, large objects, sequences. Only what
 * differs is a finding, with the values. Sequences that are up to 32 steps ahead on side b, and unlogged tables that are empty there,
 * are notes: that is how PostgreSQL recovers them. Throws `unreachable`, `unauthorized`, `server-refused`.
 */
export async function diffPostgres(a: string, b: string, context: Context, options: DiffOptions = {}): Promise<Finding[]> {
  const sides = options.sides ?? ['backup', 'live']
  const [left, right] = [await inventoryPostgres(a, context, options.databases), await inventoryPostgres(b, context, options.databases)]
  const findings = compareObjects('', left.objects, right.objects, sides)
  for (const name of new Set([...left.databases.keys(), ...right.databases.keys()])) {
    const [one, other] = [left.databases.get(name), right.databases.get(name)]
    // A database that one side lacks is among the objects already.
    if (one === undefined || other === undefined) continue
    await using clientA = await connectPostgres(a, { database: name, signal: context.signal })
    await using clientB = await connectPostgres(b, { database: name, signal: context.signal })
    findings.push(...(await compareDatabases({ database: name, one, other, clientA, clientB, sides, limit: options.limit ?? 5 })))
  }
  return findings
}

export interface DatabasesOptions {
  /** What to call the database in findings. */
  database: string
  one: DatabaseInventory
  other: DatabaseInventory
  clientA: PgClient
  clientB: PgClient
  sides: [string, string]
  limit: number
}

/** Compares two databases whose inventories are known; the connections are for the rows of tables that differ. */
export async function compareDatabases(options: DatabasesOptions): Promise<Finding[]> {
  const { database, one, other, clientA, clientB, sides } = options
  await clientA.query(sameText)
  await clientB.query(sameText)
  return [
    ...compareObjects(`${database}: `, one.objects, other.objects, sides),
    ...compareSequences(database, one, other, sides),
    ...(await compareTables(options)),
  ]
}

function compareObjects(prefix: string, left: Map<string, string>, right: Map<string, string>, sides: [string, string]): Finding[] {
  const findings: Finding[] = []
  for (const [name, definition] of left) {
    const other = right.get(name)
    const item = `${prefix}${name}`
    if (other === undefined) findings.push(harm('object-missing', item, `${sides[1]} lacks it`))
    else if (other !== definition)
      findings.push(harm('object-differs', item, `${definition || '(nothing)'} in ${sides[0]}, ${other || '(nothing)'} in ${sides[1]}`))
  }
  for (const name of right.keys()) if (!left.has(name)) findings.push(harm('object-extra', `${prefix}${name}`, `${sides[0]} lacks it`))
  return findings
}

function compareSequences(database: string, one: DatabaseInventory, other: DatabaseInventory, sides: [string, string]): Finding[] {
  const findings: Finding[] = []
  for (const [name, { last, increment }] of one.sequences) {
    const there = other.sequences.get(name)
    if (there === undefined || there.last === last) continue
    const message = `stands at ${last ?? 'its start'} in ${sides[0]}, at ${there.last ?? 'its start'} in ${sides[1]}`
    const steps = last === undefined || there.last === undefined ? undefined : (there.last - last) / increment
    const finding = harm('sequence-differs', `${database}: sequence ${name}`, message)
    findings.push(
      steps !== undefined && steps >= 0n && steps <= sequenceLead
        ? { ...finding, severity: 'note', code: 'sequence-ahead', message: `${message}: recovery may skip up to ${sequenceLead} values` }
        : finding,
    )
  }
  return findings
}

async function compareTables({ database, one, other, clientA, clientB, sides, limit }: DatabasesOptions): Promise<Finding[]> {
  const findings: Finding[] = []
  const walk = async (sql: string, item: string, differ: string) => {
    const rows = await compareRows({ a: clientA, b: clientB, sql, item, sides, limit })
    // The rows may have become the same since they were summed up, on a live server: then that is what is said.
    findings.push(
      ...(rows.length > 0
        ? rows
        : [{ ...harm('table-moved', item, `${differ}, but not any more: something writes to it`), severity: 'warning' as const }]),
    )
  }
  for (const [table, { rows, checksum }] of one.tables) {
    const there = other.tables.get(table)
    if (there === undefined || (there.checksum === checksum && there.rows === rows)) continue
    const item = `${database}: table ${table}`
    // On either side: a backup that is compared has been recovered for it.
    if (one.unlogged.has(table) && (rows === '0' || there.rows === '0')) {
      findings.push({
        ...harm('unlogged-empty', item, `${rows} rows in ${sides[0]}, ${there.rows} in ${sides[1]}: unlogged tables come back empty`),
        severity: 'note',
      })
      continue
    }
    await walk(await rowsOf(clientA, table), item, `${rows} rows in ${sides[0]}, ${there.rows} in ${sides[1]}`)
  }
  const [large, largeThere] = [one.largeObjects, other.largeObjects]
  if (large.checksum !== largeThere.checksum || large.rows !== largeThere.rows) {
    await walk(
      `SELECT split_part(row, ' ', 1), row FROM (${largeObjectRows}) AS objects`,
      `${database}: large objects`,
      `${large.rows} and ${largeThere.rows}`,
    )
  }
  return findings
}

/** A table's rows as (key, whole row); the primary key's columns where there is one, else the row itself. */
async function rowsOf(client: PgClient, table: string): Promise<string> {
  const columns = await client.query<{ name: string }>(
    `SELECT a.attname::text AS name FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
     WHERE i.indrelid = $1::regclass AND i.indisprimary ORDER BY array_position(i.indkey, a.attnum)`,
    [table],
  )
  const key = columns.length === 0 ? '(whole.*)::text' : `ROW(${columns.map(({ name }) => `whole.${quoteName(name)}`).join(', ')})::text`
  return `SELECT ${key}, (whole.*)::text FROM ONLY ${table} AS whole`
}

function harm(code: string, item: string, message: string): Finding {
  return { severity: 'harm', code, component: 'postgres', item, message }
}
