import type { DatapipeConfig, PostgresConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { formatLsn, type Lsn, parseLsn } from '../../base/lsn.ts'
import { connectPostgres } from '../../clients/postgres.ts'
import type { PlanStep } from '../../components/component.ts'
import { databaseOf, slotNameOf } from '../../components/connect/debezium.ts'
import { readStoredConnectors } from '../../components/connect/index.ts'
import { copyGuardSlot, guardedDatabase, type LiveSlot, readLogicalSlots, refuseActive } from '../../components/postgres/guard-slot.ts'
import { type CatchUp, chooseCatchUp } from '../../recovery-point/catch-up.ts'
import type { RecoveryPoint } from '../../repository/manifest.ts'
import type { Backup } from '../../repository/open-backup.ts'
import { type LivePositions, readersOfPostgres } from './connectors.ts'
import { type Parts, partsOf } from './parts.ts'

/** How connectors go on whose topics were restored while their database lived on. */
export interface CatchUpPlan {
  /** By name of the connector. */
  ways: ReadonlyMap<string, CatchUp>
  /** Slots that are made anew as copies of the guard slot. */
  copies: string[]
  steps: PlanStep[]
}

export interface CatchUpOptions {
  config: DatapipeConfig
  backup: Backup
  /** What is restored. */
  parts: Parts
  point: RecoveryPoint
  context: Context
}

/**
 * Looks where the slots of the live database stand. Nothing to do where topics or connectors are not restored, or PostgreSQL is, which brings
 * slots of its own. Throws `slot-problem` for a slot that would have to be made anew while somebody reads it.
 */
export async function planCatchUp({ config, backup, parts, point, context }: CatchUpOptions): Promise<CatchUpPlan> {
  const { postgres } = config
  const nothing: CatchUpPlan = { ways: new Map(), copies: [], steps: [] }
  if (parts.kafka === undefined || parts.connect === undefined || parts.postgres !== undefined || postgres === undefined) return nothing
  if (point.postgres === undefined) return nothing
  const from = parseLsn(point.postgres.lsn)
  const stored = await readStoredConnectors(parts.connect, backup.component('connect'))
  const connectors = readersOfPostgres(parts.connect, stored, partsOf(backup).postgres?.server.slots)
  const live = await liveSlots(postgres, context)
  const guard = live.find(({ name }) => name === postgres.guardSlot)
  const ways = new Map<string, CatchUp>()
  const copies: string[] = []
  const steps: PlanStep[] = []
  for (const connector of connectors) {
    const slot = slotNameOf(connector.config)
    const guarding = databaseOf(connector.config) === guardedDatabase(postgres) ? guard : undefined
    const own = live.find(({ name }) => name === slot)
    const way = chooseCatchUp(from, own, guarding)
    ways.set(connector.name, way)
    if (way.way === 'guard') {
      refuseActive(slot, live)
      copies.push(slot)
    }
    steps.push(...stepsOf(connector.name, slot, way, postgres.guardSlot))
  }
  return { ways, copies, steps }
}

/** Makes the slots anew that the plan wants. Throws `slot-problem`. */
export async function remakeSlots({ copies }: CatchUpPlan, { postgres }: DatapipeConfig, context: Context): Promise<void> {
  const guard = postgres?.guardSlot
  if (postgres === undefined || guard === undefined || copies.length === 0) return
  await inPhase(context, 'copy the guard slot', () => copyGuardSlot({ config: postgres, guard, slots: copies, context }))
}

function stepsOf(connector: string, slot: string, way: CatchUp, guard: string | undefined): PlanStep[] {
  const from = formatLsn(way.from)
  switch (way.way) {
    case 'slot':
      return [{ component: 'connect', text: `let ${connector} go on behind ${from}: its slot ${slot} holds what came after`, destructive: false }]
    case 'guard':
      return [
        { component: 'postgres', text: `make slot ${slot} anew as a copy of ${guard}, which holds what came after ${from}`, destructive: true },
        { component: 'connect', text: `let ${connector} go on behind ${from}`, destructive: false },
      ]
    case 'missing': {
      const stands = way.slot === undefined ? `there is no slot ${slot}` : `slot ${slot} has moved on to ${formatLsn(way.slot)}`
      return [{ component: 'connect', text: `leave ${connector} STOPPED: ${stands}, so that what came after ${from} is missing`, destructive: false }]
    }
  }
}

async function liveSlots({ url }: PostgresConfig, context: Context): Promise<LiveSlot[]> {
  await using client = await connectPostgres(url, { signal: context.signal })
  return await readLogicalSlots(client)
}

/** The end of the live database's WAL, and where its logical slots stand. */
export async function livePositions(url: string, context: Context): Promise<LivePositions> {
  await using client = await connectPostgres(url, { signal: context.signal })
  const slots = (await readLogicalSlots(client)).flatMap(({ name, confirmed }): [string, Lsn][] =>
    confirmed === undefined ? [] : [[name, confirmed]],
  )
  const [row] = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn')
  return { flushLsn: parseLsn(row?.lsn ?? ''), slots: new Map(slots) }
}
