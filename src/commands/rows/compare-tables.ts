import type { Context } from '../../base/context.ts'
import type { Finding } from '../../base/finding.ts'
import { type PgClient, quoteName } from '../../clients/postgres.ts'
import { firingTriggers, type WentAlong, wentAlong } from '../../components/postgres/dropped-tables.ts'
import { repairStatement } from '../../components/postgres/repair-sql.ts'
import { type RowDifference, rowDifferences, type TouchedRows } from '../../components/postgres/row-differences.ts'
import { comparedTable, listTables, type Partition, partitionsOf, type TableListing, tableShape } from '../../components/postgres/table-shape.ts'
import type { RowKind } from './row-kinds.ts'
import { type StatementSpool, statementSpool } from './spool-statements.ts'
import type { TouchedTable } from './touched-tables.ts'

export interface TableDifference {
  /** Quoted `"schema"."table"`. */
  table: string
  state: 'same' | 'differs' | 'dropped'
  /** Rows that a dropped table comes back with. */
  rows?: string
  missing: number
  changed: number
  added: number
  /** Of those changed: by others again since, so that their statements are only comments. */
  again: number
  /** The first of each kind, for people: columns and values. */
  examples: { kind: RowKind; text: string }[]
}

export interface ComparedTables {
  tables: TableDifference[]
  /** Statements by table, parents first. */
  spools: { table: string; spool: StatementSpool }[]
  /** Tables that are gone, partitions with their roots, and what went with them. */
  dropped: { table: string; oid: number }[]
  /** Partitions that are gone while their table is there: their rows are among its statements. */
  lonely: Partition[]
  along: WentAlong
  statements: number
  findings: Finding[]
}

export interface CompareTablesOptions {
  /** Of the scratch server, parents first. */
  tables: readonly TableListing[]
  scratch: PgClient
  live: PgClient
  touched: readonly TouchedTable[]
  xid: bigint | undefined
  /** Which differences become statements. */
  kinds: readonly RowKind[]
  directory: string
  context: Context
}

/** How many rows of each kind are shown. */
const shown = 5

/** Compares tables row by row and keeps the statements that undo what differs. Throws what the servers say. */
export async function compareTables(options: CompareTablesOptions): Promise<ComparedTables> {
  const { tables, scratch, live, directory, context } = options
  const thereBy = new Map((await listTables(live)).map((table) => [table.table, table]))
  const found: TableDifference[] = []
  const spools: ComparedTables['spools'] = []
  const dropped: ComparedTables['dropped'] = []
  const lonely: Partition[] = []
  const findings: Finding[] = []
  let statements = 0
  for (const [index, listing] of tables.entries()) {
    const there = thereBy.get(listing.table)
    const partitions = listing.partitioned ? await partitionsOf(scratch, listing.oid) : []
    if (there === undefined) {
      dropped.push({ table: listing.table, oid: listing.oid }, ...partitions)
      found.push({ ...(await wholeTable(scratch, listing.table, listing.partitioned)), state: 'dropped' })
      continue
    }
    for (const partition of partitions.filter(({ table }) => !thereBy.has(table))) {
      lonely.push(partition)
      found.push({ ...(await wholeTable(scratch, partition.table, true)), state: 'dropped' })
    }
    const touched = touchedIn(options, listing)
    if (touched === undefined) continue
    const compared = comparedTable(listing, await tableShape(scratch, listing.oid), await tableShape(live, there.oid))
    findings.push(...compared.lacking.map(({ name, type }) => columnMissing(listing.table, name, type)))
    const spool = statementSpool(directory, String(index))
    const difference: TableDifference = { table: listing.table, state: 'same', missing: 0, changed: 0, added: 0, again: 0, examples: [] }
    for await (const each of rowDifferences({ scratch, live, compared, touched: touched.rows })) {
      difference.state = 'differs'
      difference[each.kind]++
      if (difference[each.kind] <= shown) difference.examples.push({ kind: each.kind, text: exampleOf(compared.columns, each) })
      if (!options.kinds.includes(each.kind)) continue
      if (each.kind === 'changed' && each.again !== undefined) difference.again++
      else statements++
      await spool.add(each.kind, repairStatement(compared, each))
    }
    if (difference.state === 'differs') {
      const triggers = await firingTriggers(live, listing.table)
      if (triggers.length > 0) findings.push(triggersFire(listing.table, triggers))
    }
    found.push(difference)
    spools.push({ table: listing.table, spool })
    context.emit({ type: 'progress', task: 'compare rows', done: index + 1, total: tables.length, unit: 'items' })
  }
  const along = await wentAlong(
    scratch,
    live,
    [...dropped, ...lonely].map(({ oid }) => oid),
  )
  findings.push(...along.missingTypes.map(typeMissing), ...lonely.map(partitionAnew))
  return { tables: found, spools, dropped, lonely, along, statements, findings }
}

/** Undefined for a table that the transaction did not touch; no rows are named when none is asked about. */
function touchedIn({ touched, xid }: CompareTablesOptions, { oid }: TableListing): { rows: TouchedRows | undefined } | undefined {
  if (xid === undefined) return { rows: undefined }
  const own = touched.find(({ listing }) => listing.oid === oid)
  return own === undefined ? undefined : { rows: own.touched }
}

async function wholeTable(scratch: PgClient, table: string, partitioned: boolean): Promise<Omit<TableDifference, 'state'>> {
  const [row] = await scratch.query<{ rows: string }>(`SELECT count(*)::text AS rows FROM ${partitioned ? '' : 'ONLY '}${table}`)
  return { table, rows: row?.rows ?? '0', missing: Number(row?.rows ?? 0), changed: 0, added: 0, again: 0, examples: [] }
}

function exampleOf(columns: readonly { name: string }[], difference: RowDifference): string {
  const of = (values: readonly string[], wanted = (_index: number) => true) =>
    columns.flatMap(({ name }, index) => (wanted(index) ? [`${quoteName(name)} = ${shorten(values[index] ?? '')}`] : [])).join(', ')
  if (difference.kind === 'missing') return of(difference.row)
  if (difference.kind === 'added') return of(difference.live)
  const { row, live } = difference
  const differ = (index: number) => row[index] !== live[index]
  return `${of(row)}; now ${of(live, differ)}`
}

const shorten = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}…` : text)

function columnMissing(table: string, name: string, type: string): Finding {
  return {
    severity: 'harm',
    code: 'column-missing',
    component: 'postgres',
    item: `${table}.${quoteName(name)}`,
    message: 'the live table has lost this column: its values come back by none of the statements',
    next: `ALTER TABLE ${table} ADD COLUMN ${quoteName(name)} ${type}, then the same command again`,
  }
}

function typeMissing(name: string): Finding {
  const message = 'the live database lacks this type, which a dropped table needs: the SQL fails until it is there'
  return { severity: 'harm', code: 'type-missing', component: 'postgres', item: name, message, next: `CREATE TYPE ${name}, as it was` }
}

function partitionAnew({ table }: Partition): Finding {
  const message = 'the SQL makes this partition anew, with what its table hands down: indexes, rights and options of its own are not among that'
  return {
    severity: 'warning',
    code: 'partition-anew',
    component: 'postgres',
    item: table,
    message,
    next: `compare it with the backup's: datapipe diff BACKUP live`,
  }
}

function triggersFire(table: string, triggers: readonly string[]): Finding {
  return {
    severity: 'warning',
    code: 'triggers-fire',
    component: 'postgres',
    item: table,
    message: `its triggers fire for the statements, and may change what they write: ${triggers.join(', ')}`,
    next: `read what they do; ALTER TABLE ${table} DISABLE TRIGGER … within the file leaves one out`,
  }
}
