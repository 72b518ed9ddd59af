import { Client } from 'pg'

/**
 * Lets a restored server archive again, as the restore's finding `archiving-off` says: it archives below its own system identifier and timeline, and
 * cannot meet what its source left there.
 */
export async function giveArchive(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000, application_name: 'datapipe-drill' })
  await client.connect()
  try {
    await client.query('ALTER SYSTEM RESET archive_command')
    await client.query('SELECT pg_reload_conf()')
  } finally {
    await client.end()
  }
}
