import type { DatapipeConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { ClearSecret } from '../../components/connect/config-records.ts'
import { type ConnectInventory, inventoryConnect } from '../../components/connect/inventory.ts'
import { selectTopics, type TopicInfo } from '../../components/kafka/select-topics.ts'
import { type PostgresProbe, probePostgres } from '../../components/postgres/probe.ts'
import { probeRegistry, type RegistryProbe } from '../../components/registry/probe.ts'
import type { Ownership } from '../../components/connect/ownership.ts'
import { connectorOwners } from '../connector-owners.ts'
import { sideBySide } from '../side-by-side.ts'
import { refuseFailedConnectors } from './capturing.ts'
import { findClearSecrets, refuseSecretsInClear } from './secrets-in-clear.ts'

/** What the configured servers are and hold, looked at before anything is stored. */
export interface Sources {
  postgres: PostgresProbe | undefined
  topics: TopicInfo[] | undefined
  registry: RegistryProbe | undefined
  connect: ConnectInventory | undefined
  /** Of each Debezium connector, whether it reads this PostgreSQL; empty where only one of the two is configured. */
  owners: ReadonlyMap<string, Ownership>
  /** In the records of the topic of configurations, where the backup takes that. */
  clearSecrets: ClearSecret[]
}

/**
 * Looks at all servers at once; an error tells of every one that fails. Throws `config-invalid` when nothing is configured, `slot-problem`
 * when nobody knows which of two connectors reads this PostgreSQL, `server-refused` when the task of one that does has failed, `secret-in-clear`.
 */
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
  const owners =
    postgres && connect && connectors
      ? await connectorOwners({ connectors: connectors.connectors, connect, postgresUrl: postgres.url, context })
      : new Map<string, Ownership>()
  refuseUnknown(owners)
  await refuseFailedConnectors({ postgres: probe, connect: connectors, owners }, connect, context)
  const clearSecrets = await findClearSecrets({ kafka, connect, topics: topics ?? [], context })
  if (connect && connectors) refuseSecretsInClear({ found: clearSecrets, connectors: connectors.connectors, connect })
  return { postgres: probe, topics, registry: registryProbe, connect: connectors, owners, clearSecrets }
}

/** A connector that is left out by mistake loses changes; one that is taken in by mistake gets positions of the wrong server. */
function refuseUnknown(owners: ReadonlyMap<string, Ownership>): void {
  for (const [name, ownership] of owners) {
    if (ownership.owned !== 'unknown') continue
    throw new DatapipeError('slot-problem', `it cannot be told which server connector ${name} reads: ${ownership.reason}`, {
      path: `connect/${name}`,
      hint: 'name those that read another PostgreSQL in connect.otherServers',
    })
  }
}
