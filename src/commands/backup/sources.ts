import type { DatapipeConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { type ConnectInventory, inventoryConnect } from '../../components/connect/inventory.ts'
import { selectTopics, type TopicInfo } from '../../components/kafka/select-topics.ts'
import { type PostgresProbe, probePostgres } from '../../components/postgres/probe.ts'
import { probeRegistry, type RegistryProbe } from '../../components/registry/probe.ts'
import { sideBySide } from '../side-by-side.ts'

/** What the configured servers are and hold, looked at before anything is stored. */
export interface Sources {
  postgres: PostgresProbe | undefined
  topics: TopicInfo[] | undefined
  registry: RegistryProbe | undefined
  connect: ConnectInventory | undefined
}

/** Looks at all servers at once; an error tells of every one that fails. Throws `config-invalid` when nothing is configured. */
export async function lookAtSources({ postgres, kafka, registry, connect }: DatapipeConfig, context: Context): Promise<Sources> {
  if (postgres === undefined && kafka === undefined && registry === undefined && connect === undefined) {
    throw new DatapipeError('config-invalid', 'datapipe.yaml names no server', { hint: 'add at least one of postgres, kafka, registry, connect' })
  }
  const [probe, topics, registryProbe, connectors] = await sideBySide([
    postgres && probePostgres(postgres, context),
    kafka && selectTopics(kafka, context),
    registry && probeRegistry(registry, context),
    connect && inventoryConnect(connect, context),
  ])
  return { postgres: probe, topics, registry: registryProbe, connect: connectors }
}
