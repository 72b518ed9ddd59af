import type { DatapipeConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import { type Lsn, parseLsn } from '../../base/lsn.ts'
import { connectPostgres } from '../../clients/postgres.ts'
import type { CheckItem } from '../../components/component.ts'
import { readOffsets } from '../../components/connect/control.ts'
import { isDebeziumPostgres, slotNameOf } from '../../components/connect/debezium.ts'
import { type ConnectorState, connectorStates } from '../../components/connect/inventory.ts'
import type { Ownership } from '../../components/connect/ownership.ts'
import { refuseOffsetAhead } from '../../recovery-point/synthetic-offset.ts'
import { connectorOwners } from '../connector-owners.ts'

const whatItTells = 'slots and offsets of connectors fit'

/**
 * What no server can tell alone: does each Debezium connector of this database have its slot, and is its stored offset not ahead of the
 * database? (PostgreSQL accepts one that is, and drops every commit below it without a word, while connector and task say RUNNING.)
 * `not run`, with the reason, where that could not be looked at.
 */
export async function checkPositions({ postgres, connect }: DatapipeConfig, context: Context): Promise<CheckItem[]> {
  if (postgres === undefined || connect === undefined) return []
  try {
    const connectors = (await connectorStates(connect, context)).filter(({ config }) => isDebeziumPostgres(config))
    const owners = await connectorOwners({ connectors, connect, postgresUrl: postgres.url, context })
    const seen = await look(postgres.url, context)
    const items = unknownNames(connect.otherServers ?? [], connectors)
    for (const connector of connectors) {
      const ownership = owners.get(connector.name)
      if (ownership?.owned === true) {
        items.push(slotItem(connector, seen.slots))
        items.push(await offsetItem(connector, seen.flushLsn, async () => readOffsets(connect, connector.name, context)))
      } else if (ownership !== undefined) items.push(otherItem(connector, ownership))
    }
    return items
  } catch (error) {
    if (!(error instanceof DatapipeError) || context.signal.aborted) throw error
    return [{ component: 'connect', name: whatItTells, verdict: 'not run', detail: describeError(error), next: error.hint }]
  }
}

async function look(url: string, context: Context): Promise<{ slots: Set<string>; flushLsn: Lsn }> {
  await using client = await connectPostgres(url, { signal: context.signal })
  const rows = await client.query<{ name: string }>('SELECT slot_name::text AS name FROM pg_replication_slots')
  const [row] = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn')
  return { slots: new Set(rows.map(({ name }) => name)), flushLsn: parseLsn(row?.lsn ?? '') }
}

/** A name that no connector has is mistyped, or one that has gone. */
function unknownNames(names: readonly string[], connectors: readonly ConnectorState[]): CheckItem[] {
  return names
    .filter((name) => !connectors.some((connector) => connector.name === name))
    .map((name) => ({
      component: 'connect',
      name: `server of ${name} is known`,
      verdict: 'warning',
      detail: 'connect.otherServers names it, and there is no such Debezium PostgreSQL connector',
      next: 'correct connect.otherServers in datapipe.yaml',
    }))
}

function slotItem(connector: ConnectorState, slots: ReadonlySet<string>): CheckItem {
  const slot = slotNameOf(connector.config)
  const item = { component: 'connect' as const, name: `slot of ${connector.name} is there` }
  if (slots.has(slot)) return { ...item, verdict: 'pass', detail: slot }
  return {
    ...item,
    verdict: 'fail',
    detail: `there is no replication slot ${slot}`,
    next: 'a new slot cannot look back: restore, or take a new snapshot',
  }
}

/** A connector that is not this server's, or may not be: said every time, since a lost slot under another host name looks the same. */
function otherItem({ name, config }: ConnectorState, ownership: Exclude<Ownership, { owned: true }>): CheckItem {
  const item = { component: 'connect' as const, name: `server of ${name} is known` }
  const next = 'name connectors that read another PostgreSQL in connect.otherServers'
  if (ownership.owned === 'unknown') return { ...item, verdict: 'fail', detail: ownership.reason, next }
  if (ownership.declared) return { ...item, verdict: 'pass', detail: `another one: ${ownership.reason}` }
  return {
    ...item,
    verdict: 'warning',
    detail: `taken for another one: ${ownership.reason}`,
    next: `${next}; if this one does not, its slot ${slotNameOf(config)} is lost: restore, or take a new snapshot`,
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
    if (!(error instanceof DatapipeError) || error.code === 'interrupted') throw error
    return { component: 'connect', name, verdict: error.code === 'offset-ahead' ? 'fail' : 'not run', detail: describeError(error), next: error.hint }
  }
}
