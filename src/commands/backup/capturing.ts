import type { ConnectConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { refuseFailed } from '../../components/connect/control.ts'
import { slotNameOf } from '../../components/connect/debezium.ts'
import type { ConnectorState } from '../../components/connect/inventory.ts'
import type { Sources } from './sources.ts'

type Known = Pick<Sources, 'connect' | 'owners' | 'postgres'>

/** Running Debezium connectors of this PostgreSQL. One whose slot is lost has no position at all: `unheld` tells. */
export function capturingConnectors(sources: Known): ConnectorState[] {
  return ofThisServer(sources).filter((connector) => connector.state === 'RUNNING' && hasSlot(connector, sources))
}

export function ofThisServer({ connect, owners }: Known): ConnectorState[] {
  return (connect?.connectors ?? []).filter(({ name }) => owners.get(name)?.owned === true)
}

export function hasSlot({ config }: ConnectorState, { postgres }: Known): boolean {
  return postgres?.allSlots.some(({ name }) => name === slotNameOf(config)) ?? false
}

/**
 * A connector that is meant to run and whose task has failed goes no further: no recovery point would come, or one of the time of its failure.
 * Throws `server-refused` with what the task says.
 */
export async function refuseFailedConnectors(sources: Known, connect: ConnectConfig | undefined, context: Context): Promise<void> {
  const names = capturingConnectors(sources).map(({ name }) => name)
  if (connect !== undefined && names.length > 0) await refuseFailed(connect, names, context)
}
