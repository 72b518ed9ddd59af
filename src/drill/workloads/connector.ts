import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { type HttpServer, httpJson } from '../observers/http-json.ts'
import { capturedTables, publication } from './fill-postgres.ts'

/** The drill's one connector, its topic prefix and its slot. */
export const connectorName = 'shop-connector'
export const topicPrefix = 'shopdb'
export const slotName = 'datapipe_shop'

export interface ConnectorOptions {
  /** `database.*`: where the database is; the password as a config provider's reference, never itself. The stack's `databaseConfig()`. */
  databaseConfig: Record<string, string>
  /** The stack's Avro converter settings. */
  converterConfig: Record<string, string>
  /** Tables beside the fixture's, as `schema.table` without quotes. */
  extraTables?: string[]
}

/** The connector's configuration: `fixtures/connectors/debezium-postgres.json` with what differs from stack to stack. */
export async function connectorConfig(options: ConnectorOptions): Promise<Record<string, string>> {
  const template = await readFile(new URL('../../../fixtures/connectors/debezium-postgres.json', import.meta.url), 'utf8')
  const fixed = z.record(z.string(), z.string()).parse(JSON.parse(template))
  return {
    ...fixed,
    ...options.databaseConfig,
    'topic.prefix': topicPrefix,
    'slot.name': slotName,
    'publication.name': publication,
    'table.include.list': [...capturedTables, ...(options.extraTables ?? [])].map(tablePattern).join(','),
    ...options.converterConfig,
  }
}

/** Debezium takes a comma-separated list of regular expressions: every character that means something there is escaped, a comma as its code. */
function tablePattern(table: string): string {
  return table.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&').replaceAll(',', '\\x2c')
}

/** The topic of a captured table: characters that Kafka does not allow become `_`, as Debezium does it. */
export function topicOf(table: string): string {
  return `${topicPrefix}.${table}`.replace(/[^A-Za-z0-9._-]/g, '_')
}

const statusSchema = z.object({
  connector: z.object({ state: z.string(), trace: z.string().optional() }),
  tasks: z.array(z.object({ id: z.number(), state: z.string(), trace: z.string().optional() })),
})

/** Creates or replaces the connector and waits until its task runs. A failed task throws `drill-broken` with the first lines of its trace. */
export async function registerConnector(connect: HttpServer, config: Record<string, string>, signal: AbortSignal): Promise<void> {
  const path = `/connectors/${encodeURIComponent(connectorName)}`
  await waitUntil(
    // 409: the workers are rebalancing and ask to be asked again.
    async () => (await httpJson(connect, `${path}/config`, { method: 'PUT', body: JSON.stringify(config), signal, accept: [409] })).status !== 409,
    { what: 'connect to take the connector', timeoutMs: 60_000, everyMs: 500, signal },
  )
  await waitUntilRunning(connect, signal)
}

/** Waits until the connector and its task say RUNNING. Throws as `registerConnector` does. */
export async function waitUntilRunning(connect: HttpServer, signal: AbortSignal): Promise<void> {
  let seen = 'nothing'
  await waitUntil(
    async () => {
      const answer = await httpJson(connect, `/connectors/${encodeURIComponent(connectorName)}/status`, { signal, accept: [404, 409, 500] })
      if (answer.status !== 200) return false
      const { connector, tasks } = statusSchema.parse(answer.body)
      seen = [connector, ...tasks].map((part) => part.state).join(', ')
      const failed = [connector, ...tasks].find((part) => part.state === 'FAILED')
      if (failed)
        throw new DatapipeError('drill-broken', `connector ${connectorName} failed: ${(failed.trace ?? '').split('\n').slice(0, 6).join('\n')}`)
      return connector.state === 'RUNNING' && tasks.length > 0 && tasks.every((task) => task.state === 'RUNNING')
    },
    { what: `connector ${connectorName} to run`, timeoutMs: 120_000, everyMs: 250, signal, lastWords: () => `last seen: ${seen}` },
  )
}

/** The ledger's topics → the names that the ledger's checkers know the tables by. */
export const ledgerTopics: Record<string, string> = Object.fromEntries(
  ['ledger_account', 'ledger_transfer', 'ledger_entry'].map((table) => [topicOf(`public.${table}`), table]),
)
