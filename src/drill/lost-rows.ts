import { join } from 'node:path'
import { Client } from 'pg'
import type { Scene } from './losses.ts'
import { runPsql } from './workloads/load-sql.ts'

const table = 'shop.order_item'

/** One bad transaction, as it is typed in the wrong window: half of a table deleted, the rest changed. */
export async function spoilRows(url: string): Promise<void> {
  await run(url, `BEGIN; DELETE FROM ${table} WHERE line = 1; UPDATE ${table} SET quantity = quantity + 1; COMMIT`)
}

/** `datapipe rows` writes the SQL, a person reads it and runs it with psql. */
export async function repairRows({ stack, engine, pipeline, directory, context }: Scene, backup: string): Promise<void> {
  const output = join(directory, 'repair.sql')
  await engine.rows({ backup, tables: [table], output }, context)
  const { postgres } = stack.config('file:///nowhere')
  await runPsql({ url: pipeline.postgresUrl, binDirectory: postgres?.binDirectory, signal: context.signal }, output)
}

async function run(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000, application_name: 'datapipe-drill' })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
