import type { RegistryConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { openRegistry, type RegistryConnection } from '../../clients/registry.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { readApicurioSnapshot } from './read-apicurio.ts'
import { readConfluentSnapshot } from './read-confluent.ts'
import { readPartSnapshot, type RegistryPart } from './part.ts'
import type { RegistrySnapshot } from './snapshot.ts'

export type RegistrySide = { config: RegistryConfig; context: Context } | { part: RegistryPart; reader: ArtifactReader }

/** What a live registry or a backup holds, in comparable form. Throws `unreachable`, `unauthorized`, `artifact-*`. */
export async function inventoryRegistry(side: RegistrySide): Promise<RegistrySnapshot> {
  if ('part' in side) return await readPartSnapshot(side.part, side.reader)
  return await readSnapshot(await openRegistry(side.config, side.context.signal))
}

/** The snapshot of an open registry. */
export async function readSnapshot(connection: RegistryConnection): Promise<RegistrySnapshot> {
  return connection.native === undefined ? await readConfluentSnapshot(connection) : await readApicurioSnapshot(connection, connection.native)
}
