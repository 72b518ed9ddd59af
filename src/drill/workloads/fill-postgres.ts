import { readFile } from 'node:fs/promises'
import { Client } from 'pg'
import { DatapipeError } from '../../base/errors.ts'

/** The publication that `10-shop.sql` makes, and the tables in it: what the connector captures (plain names, as Debezium writes them). */
export const publication = 'datapipe_drill'
export const capturedTables = [
  'shop.customer',
  'shop.product',
  'shop.orders',
  'shop.order_item',
  'shop.visit',
  'shop.empty_shelf',
  'shop.measurement',
  'shop.Price List',
  'shop.canary',
  'public.ledger_account',
  'public.ledger_transfer',
  'public.ledger_entry',
]

/** Tables that go on changing while the backup runs, quoted names: the ledger's checkers look at them, nobody else. */
export const ledgerTables = ['public.ledger_account', 'public.ledger_transfer', 'public.ledger_entry']

/**
 * Makes the schemas and the rows that the connector's snapshot will find. `rows` is the number of customers and orders (items: twice, products: a quarter).
 * Throws `drill-broken` with the file's name when a statement fails.
 */
export async function fillPostgres(url: string, options: { rows: number }): Promise<void> {
  for (const file of ['10-shop.sql', '20-shop-data.sql', '30-odd.sql']) await runSqlFile(url, file, options.rows)
}

/** Inserts, updates, key changes, deletes and transactions over several tables, for the running connector to stream. */
export async function changePostgres(url: string): Promise<void> {
  await runSqlFile(url, '40-shop-changes.sql', 1)
}

/** Adds columns to a captured table and writes to it: the second version of its schemas. */
export async function alterPostgres(url: string): Promise<void> {
  await runSqlFile(url, '60-alter-customer.sql', 1)
}

const sqlDirectory = new URL('../../../fixtures/sql/', import.meta.url)

async function runSqlFile(url: string, file: string, rows: number): Promise<void> {
  const text = await readFile(new URL(file, sqlDirectory), 'utf8')
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000, application_name: 'datapipe-drill' })
  try {
    await client.connect()
    await client.query(`SELECT set_config('datapipe.rows', $1, false)`, [String(rows)])
    await client.query(text)
  } catch (cause) {
    throw new DatapipeError('drill-broken', `${file} could not be run`, { path: `fixtures/sql/${file}`, cause })
  } finally {
    await client.end()
  }
}
