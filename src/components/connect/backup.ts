import type { ConnectConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { stringifyJson } from '../../base/lossless-json.ts'
import { type ConnectorOffset, connectClient } from '../../clients/connect.ts'
import type { ArtifactWriter } from '../../repository/artifact.ts'
import { readConnectors } from './inventory.ts'
import type { ConnectPart, StoredConnectors, TargetState } from './part.ts'
import type { Ownership } from './ownership.ts'
import { placeholderKeys } from './secrets.ts'

export interface BackupConnectOptions {
  config: ConnectConfig
  writer: ArtifactWriter
  context: Context
  /** States from before the barrier stopped connectors, by name: those are what a restore should bring back. */
  states?: ReadonlyMap<string, TargetState>
  /** Offsets of the recovery point, by connector, where they were frozen before; the others are read now. */
  offsets?: ReadonlyMap<string, ConnectorOffset[]>
  /** Which Debezium connectors read the PostgreSQL of this backup; left out where that is not known. */
  owners?: ReadonlyMap<string, Ownership>
}

/**
 * Stores configurations (secrets never in clear, see secrets.ts), target states, offsets of source and sink connectors, and the plugins with
 * their versions as `connectors.json`. Throws `unreachable`, `unauthorized`, `server-refused`.
 */
export async function backupConnect(options: BackupConnectOptions): Promise<ConnectPart> {
  const { config, writer, context } = options
  return await inPhase(context, 'back up connect', async () => {
    const client = connectClient(config, context.signal)
    const { version, clusterId } = await client.info()
    const connectors = (await readConnectors(client)).map((connector) => ({
      ...connector,
      state: options.states?.get(connector.name) ?? connector.state,
      offsets: options.offsets?.get(connector.name) ?? connector.offsets,
    }))
    const stored: StoredConnectors = { format: 1, connectors }
    const artifact = await writer.write('connectors.json', Buffer.from(`${stringifyJson(stored, 1)}\n`, 'utf8'))
    return {
      format: 1,
      version,
      identity: client.url,
      clusterId,
      counts: { connectors: connectors.length, offsets: connectors.reduce((sum, connector) => sum + connector.offsets.length, 0) },
      connectors: connectors.map(({ name, type, state, config: stored }) => ({
        name,
        type,
        state,
        class: stored['connector.class'] ?? '',
        secrets: placeholderKeys(stored),
        ...(stored['offsets.storage.topic'] === undefined ? {} : { offsetTopic: stored['offsets.storage.topic'] }),
        ...readsOf(options.owners?.get(name)),
      })),
      plugins: (await client.plugins()).map((plugin) => ({ class: plugin.class, type: plugin.type, version: plugin.version ?? 'unknown' })),
      internalTopics: { config: config.configTopic, offset: config.offsetTopic, status: config.statusTopic },
      artifacts: { connectors: artifact.path },
    }
  })
}

function readsOf(ownership: Ownership | undefined): Pick<ConnectPart['connectors'][number], 'reads'> {
  return ownership === undefined ? {} : { reads: ownership.owned === true ? 'this-postgres' : 'another' }
}
