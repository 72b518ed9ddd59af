import type { DatapipeConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import { type Lsn, parseLsn } from '../../base/lsn.ts'
import { connectPostgres } from '../../clients/postgres.ts'
import type { CheckItem } from '../../components/component.ts'
import { readOffsets } from '../../components/connect/control.ts'
import { isDebeziumPostgres, slotNameOf } from '../../components/connect/debezium.ts'
import { type ConnectorState, connectorStates } from '../../components/connect/inventory.ts'
import { refuseOffsetAhead } from '../../recovery-point/synthetic-offset.ts'

/**
 * What no server can tell alone: does each Debezium connector have its slot, and is its stored offset not ahead of the database? (PostgreSQL
 * accepts one that is, and drops every commit below it without a word, while connector and task say RUNNING.)
 */
export async function checkPositions({ postgres, connect }: DatapipeConfig, context: Context): Promise<CheckItem[]> {
  if (postgres === undefined || connect === undefined) return []
  const seen = await look(postgres.url, connect, context)
  // Servers that do not answer are items of their own components.
  if (seen === undefined) return []
  const items: CheckItem[] = []
  for (const connector of seen.connectors) {
    const slot = slotNameOf(connector.config)
    items.push({
      component: 'connect',
      name: `slot of ${connector.name} is there`,
      ...(seen.slots.has(slot)
        ? { verdict: 'pass' as const, detail: slot }
        : {
            verdict: 'fail' as const,
            detail: `there is no replication slot ${slot}`,
            next: 'a new slot cannot look back: restore, or take a new snapshot',
          }),
    })
    items.push(await offsetItem(connector, seen.flushLsn, async () => readOffsets(connect, connector.name, context)))
  }
  return items
}

async function look(url: string, connect: NonNullable<DatapipeConfig['connect']>, context: Context) {
  try {
    await using client = await connectPostgres(url, { signal: context.signal })
    const rows = await client.query<{ name: string }>('SELECT slot_name::text AS name FROM pg_replication_slots')
    const connectors = (await connectorStates(connect, context)).filter(({ config }) => isDebeziumPostgres(config))
    const [row] = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn')
    return { slots: new Set(rows.map(({ name }) => name)), connectors, flushLsn: parseLsn(row?.lsn ?? '') }
  } catch (error) {
    if (error instanceof DatapipeError && error.code !== 'interrupted') return undefined
    throw error
  }
}

async function offsetItem(
  connector: ConnectorState,
  flushLsn: Lsn,
  offsets: () => Promise<{ offset: Record<string, unknown> | null }[]>,
): Promise<CheckItem> {
  const name = `offset of ${connector.name} is not ahead of the database`
  try {
    const stored = (await offsets()).flatMap(({ offset }) => (offset === null ? [] : [offset]))
    for (const offset of stored) refuseOffsetAhead(connector.name, offset, flushLsn)
    return { component: 'connect', name, verdict: 'pass', detail: stored.length === 0 ? 'no offset stored yet' : `${stored.length} offsets` }
  } catch (error) {
    if (!(error instanceof DatapipeError)) throw error
    return { component: 'connect', name, verdict: 'fail', detail: describeError(error), next: error.hint }
  }
}
