import type { DatapipeConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import { formatLsn, type Lsn, parseLsn } from '../../base/lsn.ts'
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
 * database? (PostgreSQL accepts one that is, and drops every commit below it without a word, while connector and task say RUNNING.) Nor behind
 * its slot? (A slot that was made anew cannot look back: what lies between is never sent.)
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
        items.push(...(await offsetItems(connector, seen, async () => readOffsets(connect, connector.name, context))))
      } else if (ownership !== undefined) items.push(otherItem(connector, ownership))
    }
    return items
  } catch (error) {
    if (!(error instanceof DatapipeError) || context.signal.aborted) throw error
    return [{ component: 'connect', name: whatItTells, verdict: 'not run', detail: describeError(error), next: error.hint }]
  }
}

interface Seen {
  /** Where each slot stands, read before any offset: an offset only grows, and a connector stores it before it confirms it to its slot. */
  slots: ReadonlyMap<string, Lsn | undefined>
  flushLsn: Lsn
}

async function look(url: string, context: Context): Promise<Seen> {
  await using client = await connectPostgres(url, { signal: context.signal })
  const rows = await client.query<{ name: string; lsn: string | null }>(
    'SELECT slot_name::text AS name, confirmed_flush_lsn::text AS lsn FROM pg_replication_slots',
  )
  const [row] = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn')
  return { slots: new Map(rows.map(({ name, lsn }) => [name, lsn === null ? undefined : parseLsn(lsn)])), flushLsn: parseLsn(row?.lsn ?? '') }
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

function slotItem(connector: ConnectorState, slots: Seen['slots']): CheckItem {
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

async function offsetItems(
  connector: ConnectorState,
  { slots, flushLsn }: Seen,
  offsets: () => Promise<{ offset: Record<string, unknown> | null }[]>,
): Promise<CheckItem[]> {
  const item = { component: 'connect' as const, name: `offset of ${connector.name} is not ahead of the database` }
  try {
    const stored = (await offsets()).flatMap(({ offset }) => (offset === null ? [] : [offset]))
    for (const offset of stored) refuseOffsetAhead(connector.name, offset, flushLsn)
    const ahead: CheckItem = { ...item, verdict: 'pass', detail: stored.length === 0 ? 'no offset stored yet' : `${stored.length} offsets` }
    return [ahead, ...behindItems(connector, slots.get(slotNameOf(connector.config)), stored)]
  } catch (error) {
    if (!(error instanceof DatapipeError) || error.code === 'interrupted') throw error
    return [{ ...item, verdict: error.code === 'offset-ahead' ? 'fail' : 'not run', detail: describeError(error), next: error.hint }]
  }
}

/** A warning, not a fault: where the driver confirms by itself (`lsn.flush.mode`), a slot may pass what its connector has stored, with nothing in between. */
function behindItems(connector: ConnectorState, slot: Lsn | undefined, stored: readonly Record<string, unknown>[]): CheckItem[] {
  const positions = stored.filter((offset) => !('snapshot' in offset)).map(highestOf)
  const [highest] = positions.sort((a, b) => (a > b ? -1 : 1))
  if (slot === undefined || highest === undefined || highest === 0n || slot <= highest) return []
  return [
    {
      component: 'connect',
      name: `slot of ${connector.name} does not stand above its offset`,
      verdict: 'warning',
      detail: `the slot begins at ${formatLsn(slot)}, the connector has stored ${formatLsn(highest)}: changes that were committed in between are never sent`,
      next: 'was the slot made anew? stop the connector, and let it take a new snapshot (runbook, "Kafka alone", step 3)',
    },
  ]
}

function highestOf(offset: Record<string, unknown>): bigint {
  const lsns = ['lsn', 'lsn_proc', 'lsn_commit'].map((key) => offset[key]).filter((value) => value !== undefined && value !== null)
  return lsns.map((value) => BigInt(String(value))).sort((a, b) => (a > b ? -1 : 1))[0] ?? 0n
}
