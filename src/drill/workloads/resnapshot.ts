import { Client } from 'pg'
import { waitUntil } from '../../base/wait-until.ts'
import { httpJson } from '../observers/http-json.ts'
import type { HttpServer } from '../observers/http-json.ts'
import { connectorName, slotName, waitUntilRunning } from './connector.ts'

/** docs/runbook.md, "Kafka alone": the stopped connector forgets its offset, its slot is dropped, and it begins with a snapshot. */
export async function resnapshot({ connect, postgresUrl }: { connect: HttpServer; postgresUrl: string }, signal: AbortSignal): Promise<void> {
  const path = `/connectors/${encodeURIComponent(connectorName)}`
  // Refused as long as a task of it ends.
  await waitUntil(async () => (await httpJson(connect, `${path}/offsets`, { method: 'DELETE', signal, accept: [400, 409, 500] })).status === 200, {
    what: 'the connector to forget its offset',
    timeoutMs: 60_000,
    everyMs: 250,
    signal,
  })
  const client = new Client({ connectionString: postgresUrl, connectionTimeoutMillis: 10_000, application_name: 'datapipe-drill' })
  await client.connect()
  try {
    await client.query('SELECT pg_drop_replication_slot($1)', [slotName])
  } finally {
    await client.end()
  }
  await httpJson(connect, `${path}/resume`, { method: 'PUT', signal })
  await waitUntilRunning(connect, signal)
}
