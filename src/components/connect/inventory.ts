import type { ConnectConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { type ConnectClient, type ConnectorConfig, connectClient } from '../../clients/connect.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { settledOffsets } from './control.ts'
import { type ConnectPart, readStoredConnectors, type StoredConnector, type TargetState } from './part.ts'
import { plainSecretKeys, withPlaceholders } from './secrets.ts'

/** A connector as it is now: its configuration as it was given, and what it does, e.g. RUNNING, STOPPED, FAILED. */
export interface ConnectorState {
  name: string
  config: ConnectorConfig
  state: string
}

/** What a Connect cluster or a backup holds, in comparable form: secrets as placeholders, in order of name. */
export interface ConnectInventory {
  /** The worker's version. */
  version: string
  connectors: StoredConnector[]
}

/** The inventory of a live cluster. Throws `unreachable`, `unauthorized`, `server-refused`. */
export async function inventoryConnect(config: ConnectConfig, context: Context): Promise<ConnectInventory> {
  const client = connectClient(config, context.signal)
  return { version: (await client.info()).version, connectors: await readConnectors(client) }
}

/** The same of a backup. Throws `artifact-missing`, `artifact-damaged`. */
export async function storedInventory(part: ConnectPart, reader: ArtifactReader): Promise<ConnectInventory> {
  return { version: part.version, connectors: await readStoredConnectors(part, reader) }
}

/** Names, configurations and actual states, without the offsets: one request. */
export async function connectorStates(config: ConnectConfig, context: Context): Promise<ConnectorState[]> {
  const listed = await connectClient(config, context.signal).connectors()
  return listed.map(({ name, config, status }) => ({ name, config, state: status.connector.state }))
}

export async function readConnectors(client: ConnectClient): Promise<StoredConnector[]> {
  const passwords = passwordKeysOf(client)
  const connectors: StoredConnector[] = []
  for (const listed of await client.connectors()) {
    const keys = plainSecretKeys(listed.config, await passwords(listed.config['connector.class'] ?? ''))
    connectors.push({
      name: listed.name,
      type: listed.type ?? 'unknown',
      state: targetStateOf(listed.status.connector.state),
      config: withPlaceholders(listed.name, listed.config, keys),
      offsets: await settledOffsets(client, listed.name),
      topics: (await client.topics(listed.name)).sort(),
    })
  }
  return connectors
}

/** REST tells the actual state only: FAILED, UNASSIGNED and RESTARTING connectors are meant to run. */
export function targetStateOf(state: string): TargetState {
  return state === 'STOPPED' || state === 'PAUSED' ? state : 'RUNNING'
}

/** Keys of PASSWORD type by connector class, asked once each; none when the worker does not have the plugin. */
export function passwordKeysOf(client: ConnectClient): (className: string) => Promise<Set<string>> {
  const known = new Map<string, Set<string>>()
  return async (className) => {
    if (className === '') return new Set()
    const keys =
      known.get(className) ?? new Set((await client.pluginKeys(className))?.filter((key) => key.type === 'PASSWORD').map((key) => key.name))
    known.set(className, keys)
    return keys
  }
}
