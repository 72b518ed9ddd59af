import type { RegistryConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { stringifyJson } from '../../base/lossless-json.ts'
import { openRegistry, type RegistryKind } from '../../clients/registry.ts'
import type { ArtifactWriter } from '../../repository/artifact.ts'
import { schemaSha256 } from './canonical.ts'
import { diffRegistry } from './diff.ts'
import { beyondImportLimits } from './import-limits.ts'
import { readSnapshot } from './inventory.ts'
import type { RegistryPart } from './part.ts'
import { idsOf, type RegistrySnapshot } from './snapshot.ts'

const attempts = 3

/**
 * Stores the registry as `registry.json` (REST) and, from Apicurio, its own export zip as `apicurio-export.zip`. The raw topic is the Kafka
 * component's business; the part names it. The registry is read until two readings agree, so that a registration in between
 * cannot be half in. Throws `unreachable`, `unauthorized`, `server-refused`.
 */
export async function backupRegistry(options: { config: RegistryConfig; writer: ArtifactWriter; context: Context }): Promise<RegistryPart> {
  const { config, writer, context } = options
  return await inPhase(context, 'back up registry', async () => {
    const connection = await openRegistry(config, context.signal)
    let snapshot = await readSnapshot(connection)
    let zip: Buffer | undefined
    for (let attempt = 1; ; attempt++) {
      zip = await connection.native?.exportZip()
      const again = await readSnapshot(connection)
      const changes = diffRegistry(snapshot, again)
      snapshot = again
      if (changes.length === 0) break
      if (attempt === attempts) {
        throw new DatapipeError(
          'server-refused',
          `the registry changed during each of ${attempts} readings: ${changes[0]?.code} ${changes[0]?.item}`,
          {
            hint: 'pause whatever registers schemas, then run it again',
          },
        )
      }
    }
    const stored = await writer.write('registry.json', Buffer.from(`${stringifyJson(snapshot, 1)}\n`, 'utf8'))
    const storedZip = zip === undefined ? undefined : await writer.write('apicurio-export.zip', zip)
    const beyond = zip === undefined ? undefined : beyondImportLimits(zip)
    if (beyond !== undefined) context.emit({ type: 'finding', finding: beyond })
    return registryPart({
      snapshot,
      identity: connection.url,
      topic: config.topic,
      artifacts: { snapshot: stored.path, nativeExport: storedZip?.path },
    })
  })
}

/** The topics that servers keep themselves in unless told otherwise. */
export function topicOf(kind: RegistryKind, configured: string | undefined): RegistryPart['topic'] {
  if (kind !== 'apicurio') return { name: configured ?? '_schemas', mustBeEmpty: [] }
  return { name: configured ?? 'kafkasql-journal', mustBeEmpty: ['kafkasql-snapshots'] }
}

function registryPart(of: {
  snapshot: RegistrySnapshot
  identity: string
  topic: string | undefined
  artifacts: { snapshot: string; nativeExport: string | undefined }
}): RegistryPart {
  const { snapshot } = of
  const ids = idsOf(snapshot)
  return {
    format: 1,
    kind: snapshot.kind,
    version: snapshot.version,
    identity: of.identity,
    counts: {
      subjects: snapshot.subjects.length,
      versions: snapshot.versions.length,
      deletedVersions: snapshot.versions.filter((version) => version.deleted).length,
      ids: ids.length,
      contexts: snapshot.contexts.length,
    },
    ids: ids.map(({ context, id, of: version }) => ({
      context,
      id,
      subject: version.subject,
      type: version.type,
      deleted: version.deleted,
      sha256: schemaSha256(version.type, version.schema),
    })),
    topic: topicOf(snapshot.kind, of.topic),
    routes: [...(of.artifacts.nativeExport === undefined ? [] : (['native'] as const)), 'rest-import', 'raw-topic'],
    artifacts: { snapshot: of.artifacts.snapshot, ...(of.artifacts.nativeExport === undefined ? {} : { nativeExport: of.artifacts.nativeExport }) },
  }
}
