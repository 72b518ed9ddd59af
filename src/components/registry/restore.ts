import type { RegistryConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { openRegistry, type RegistryConnection } from '../../clients/registry.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import type { RestoreOutcome } from '../component.ts'
import { differencesToBackup } from './compare-live.ts'
import { readSnapshot } from './inventory.ts'
import { type RegistryPart, type RegistryRoute, readPartArtifact, readPartSnapshot } from './part.ts'
import { probeRegistry } from './probe.ts'
import { registerAgain, stillHasContents } from './register-again.ts'
import { restImport } from './rest-import.ts'
import type { RegistrySnapshot } from './snapshot.ts'
import { type UsedSchemaId, verifyRestoredIds } from './verify.ts'

/**
 * Brings the registry back by the route that the plan chose, then reads back every id, subject, version, reference, soft delete and setting,
 * and compares them with the backup. For `raw-topic` the topic has been restored and the registry started before: this waits until it serves. With `present` nothing is written.
 * Throws `target-not-empty`, `ids-would-change` (an id gives another schema, or none), `restore-mismatch` (anything else differs).
 */
export async function restoreRegistry(options: {
  part: RegistryPart
  reader: ArtifactReader
  config: RegistryConfig
  route: RegistryRoute | 'present'
  /** Ids that the restored records carry. */
  usedIds?: Iterable<UsedSchemaId>
  context: Context
}): Promise<RestoreOutcome> {
  const { part, reader, config, route, context } = options
  const wanted = await readPartSnapshot(part, reader)
  let bytes = 0
  await inPhase(context, `restore registry (${route})`, async () => {
    if (route === 'native') bytes = await importNatively({ part, reader, config, wanted, context })
    else if (route === 'rest-import') await restImport({ api: (await openRegistry(config, context.signal)).confluent, snapshot: wanted, context })
    else if (route === 'raw-topic') await untilServing({ part, config, context })
  })
  const findings = await inPhase(context, 'read back registry', () => readBack({ part, wanted, config, usedIds: options.usedIds ?? [], context }))
  return {
    component: 'registry',
    counts: { subjects: part.counts.subjects, versions: part.counts.versions, ids: part.counts.ids },
    bytes,
    findings,
  }
}

async function importNatively(of: {
  part: RegistryPart
  reader: ArtifactReader
  config: RegistryConfig
  wanted: RegistrySnapshot
  context: Context
}): Promise<number> {
  const { part, reader, config, context } = of
  const probe = await probeRegistry(config, context)
  const native = probe.connection.native
  if (native === undefined || part.artifacts.nativeExport === undefined)
    throw new DatapipeError('not-supported', `the native route needs apicurio at both ends, found ${probe.kind}`)
  if (!probe.empty && probe.leftOver > 0 && (await stillHasContents(native, part))) {
    await registerAgain({ native, confluent: probe.connection.confluent, snapshot: of.wanted, context })
    return 0
  }
  if (!probe.empty)
    throw new DatapipeError('target-not-empty', `the registry at ${probe.identity} already holds ${probe.contents.slice(0, 3).join(', ')}`)
  const zip = await readPartArtifact(part.artifacts.nativeExport, reader)
  await native.importZip(zip)
  return zip.length
}

/** A registry that answers may not have read its topic yet (Karapace answers `[]` meanwhile): it serves once it has as many subjects as the part. */
async function untilServing(of: { part: RegistryPart; config: RegistryConfig; context: Context }): Promise<void> {
  const { part, config, context } = of
  // A person may have been asked to start it.
  const timeoutMs = 1_800_000
  let seen = 'no answer'
  let connection: RegistryConnection | undefined
  await waitUntil(
    async () => {
      try {
        connection ??= await openRegistry(config, context.signal)
        const versions = (await readSnapshot(connection)).versions.length
        seen = `${versions} of ${part.counts.versions} versions`
        return versions >= part.counts.versions
      } catch (error) {
        if (!(error instanceof DatapipeError) || !['unreachable', 'server-refused', 'not-supported'].includes(error.code)) throw error
        seen = error.message
        return false
      }
    },
    { what: 'the registry to serve its restored topic', timeoutMs, everyMs: 500, signal: context.signal, lastWords: () => `last seen: ${seen}` },
  )
}

async function readBack(of: {
  part: RegistryPart
  wanted: RegistrySnapshot
  config: RegistryConfig
  usedIds: Iterable<UsedSchemaId>
  context: Context
}): Promise<Finding[]> {
  const { part, wanted, config, context } = of
  const ids = await verifyRestoredIds({ part, config, ids: of.usedIds, context })
  fail('ids-would-change', ids)
  const differences = differencesToBackup(wanted, await readSnapshot(await openRegistry(config, context.signal)))
  fail('restore-mismatch', differences)
  return [...differences.filter((finding) => finding.severity !== 'harm'), nextId(part)]
}

function fail(code: 'ids-would-change' | 'restore-mismatch', findings: Finding[]): void {
  const harm = findings.filter((finding) => finding.severity === 'harm')
  if (harm.length === 0) return
  const lines = harm.slice(0, 5).map((finding) => `${finding.item}: ${finding.message}`)
  throw new DatapipeError(code, `${harm.length} difference${harm.length === 1 ? '' : 's'} to the backup: ${lines.join('; ')}`, {
    path: `registry/${harm[0]?.item}`,
  })
}

/**
 * Servers continue above the highest id they know (measured: Confluent, Apicurio, both after import and raw). What cannot be known
 * without registering something: ids of hard-deleted schemas are forgotten, and may be given out again.
 */
function nextId(part: RegistryPart): Finding {
  const highest = part.ids.reduce((max, item) => Math.max(max, item.id), 0)
  return {
    severity: highest >= 2_147_483_647 ? 'warning' : 'note',
    code: 'next-schema-id',
    component: 'registry',
    item: `id ${highest}`,
    message: `is the highest restored id; the next registration gets a higher one. Ids of schemas that were hard-deleted before the backup may be given out again`,
  }
}
