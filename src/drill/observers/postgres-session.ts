import { Client } from 'pg'
import { DatapipeError } from '../../base/errors.ts'

/** Settings that PostgreSQL's text of a value depends on: fixed, so that two servers print equal values equally. */
const settings = `
  SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'iso_8601'; SET extra_float_digits = 3; SET bytea_output = 'hex';
  SET xmloption = 'content'; SET lc_monetary = 'C'; SET search_path = ''; SET row_security = off; SET statement_timeout = 0; SET quote_all_identifiers = off;
`

/** Runs `work` in one read-only snapshot of the database. Throws `unreachable` when there is no server. */
export async function inSnapshot<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000, application_name: 'datapipe-drill-observer' })
  client.on('error', () => {
    // the query in flight rejects with the same cause
  })
  try {
    await client.connect()
  } catch (cause) {
    throw new DatapipeError('unreachable', 'postgresql does not answer', { cause })
  }
  try {
    await client.query(settings)
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    return await work(client)
  } finally {
    await client.end()
  }
}
