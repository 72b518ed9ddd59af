import type { DatapipeConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import type { Finding } from '../../base/finding.ts'
import type { Lsn } from '../../base/lsn.ts'
import { databaseOf, slotNameOf } from '../../components/connect/debezium.ts'
import { guardedDatabase, keepGuardSlot, moveGuardSlot } from '../../components/postgres/guard-slot.ts'
import { ofThisServer } from './capturing.ts'
import type { Sources } from './sources.ts'

/** Before a point is taken: what `postgres.guardSlot` names is there, and stands before whatever point comes. */
export async function keepGuard({ postgres }: DatapipeConfig, sources: Sources, context: Context): Promise<Finding[]> {
  const guard = postgres?.guardSlot
  if (postgres === undefined || guard === undefined) return []
  const connectors = ofThisServer(sources)
  const database = guardedDatabase(postgres)
  const slots = connectors.map(({ config }) => slotNameOf(config))
  const elsewhere = connectors.filter(({ config }) => databaseOf(config) !== database)
  return [
    ...(await inPhase(context, 'keep the guard slot', () => keepGuardSlot({ config: postgres, guard, slots, context }))),
    ...elsewhere.map(
      ({ name, config }): Finding => ({
        severity: 'warning',
        code: 'guard-slot-not-kept',
        component: 'postgres',
        item: `${guard}/${name}`,
        message: `connector ${name} reads database ${databaseOf(config)}, and the guard slot is one of ${database}, which postgres.url names`,
      }),
    ),
  ]
}

/** After the manifest is written, never before: until then the point may not come to be. */
export async function moveGuard({ postgres }: DatapipeConfig, lsn: Lsn | undefined, context: Context): Promise<Finding[]> {
  const guard = postgres?.guardSlot
  if (postgres === undefined || guard === undefined || lsn === undefined) return []
  return await inPhase(context, 'move the guard slot', () => moveGuardSlot({ config: postgres, guard, lsn, context }))
}
