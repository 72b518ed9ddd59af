import type { RegistryConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { openRegistry, type RegistryConnection } from '../../clients/registry.ts'
import type { PlanStep } from '../component.ts'
import { readSnapshot } from './inventory.ts'
import { parentsFirst } from './parents-first.ts'
import { probeRegistry } from './probe.ts'
import type { RegistrySnapshot } from './snapshot.ts'
import { contextOf } from './subject.ts'

const step = (text: string): PlanStep => ({ component: 'registry', text, destructive: true })

/** What `wipeRegistry` would remove. Reads only. */
export async function planWipeRegistry(config: RegistryConfig, context: Context): Promise<PlanStep[]> {
  const snapshot = await readSnapshot(await openRegistry(config, context.signal))
  const settings = [...new Set([...Object.keys(snapshot.config.subjects), ...Object.keys(snapshot.mode.subjects)])]
  return [
    ...snapshot.subjects.map((subject) => {
      const versions = snapshot.versions.filter((version) => version.subject === subject)
      return step(`delete subject ${subject} for good (versions ${versions.map((version) => version.version).join(', ') || 'none'})`)
    }),
    ...(settings.length > 0 ? [step(`delete the configuration of ${settings.join(', ')}`)] : []),
  ]
}

/**
 * Removes every version of every subject for good, children before parents, then configurations and modes, and waits until a listing with
 * deleted ones is empty. Apicurio keeps the *content* of deleted schemas, with its id: that is said in a
 * warning, since its import refuses such a registry (a restore of the same backup still works, see register-again.ts). Throws `server-refused` with the registry's words.
 */
export async function wipeRegistry(config: RegistryConfig, context: Context): Promise<void> {
  await inPhase(context, 'wipe registry', async () => {
    const connection = await openRegistry(config, context.signal)
    const snapshot = await readSnapshot(connection)
    if (connection.native === undefined) await openModes(connection, snapshot)
    await deleteVersions(connection, snapshot)
    await (connection.native === undefined ? deleteSettings(connection, snapshot) : connection.native.deleteGlobalRules())
    await waitUntil(async () => (await connection.confluent.subjects({ deleted: true })).length === 0, {
      what: 'the last subject to go',
      timeoutMs: 60_000,
      everyMs: 250,
      signal: context.signal,
      lastWords: async () => `still there: ${(await connection.confluent.subjects({ deleted: true })).slice(0, 5).join(', ')}`,
    })
    if (connection.native !== undefined) await warnOfLeftOvers(config, context)
  })
}

async function deleteVersions(connection: RegistryConnection, snapshot: RegistrySnapshot): Promise<void> {
  const api = connection.confluent
  const grouped = snapshot.versions.find((version) => connection.native !== undefined && version.subject.includes('//'))
  if (grouped !== undefined)
    throw new DatapipeError('not-supported', `${grouped.subject} is in an apicurio group that its compatible API does not reach`, {
      hint: 'delete it in the apicurio console',
    })
  const left = new Map<string, number>()
  for (const version of snapshot.versions) left.set(version.subject, (left.get(version.subject) ?? 0) + 1)
  // Soft and hard delete together, one version after the other: a soft-deleted child still holds its parent.
  for (const version of parentsFirst(snapshot.versions).toReversed()) {
    const { subject } = version
    if (!version.deleted) await api.deleteVersion(subject, Number(version.version))
    await api.deleteVersion(subject, Number(version.version), { permanent: true })
    left.set(subject, (left.get(subject) ?? 1) - 1)
    // Apicurio leaves a subject without versions behind, and answers 404 for a version of a wholly soft-deleted one.
    if (connection.native !== undefined && left.get(subject) === 0) await api.deleteSubject(subject, { permanent: true })
  }
  for (const subject of snapshot.subjects) if (!left.has(subject)) await api.deleteSubject(subject, { permanent: true })
}

/** READONLY refuses deletes. */
async function openModes(connection: RegistryConnection, snapshot: RegistrySnapshot): Promise<void> {
  const api = connection.confluent
  if (snapshot.mode.global !== null && snapshot.mode.global !== 'READWRITE') await api.setMode('READWRITE')
  for (const [subject, mode] of Object.entries(snapshot.mode.subjects)) if (mode !== 'READWRITE') await api.setMode('READWRITE', subject)
}

async function deleteSettings(connection: RegistryConnection, snapshot: RegistrySnapshot): Promise<void> {
  const api = connection.confluent
  for (const subject of Object.keys(snapshot.config.subjects)) await api.deleteConfig(subject)
  for (const subject of Object.keys(snapshot.mode.subjects)) await api.deleteMode(subject)
  for (const name of new Set(snapshot.subjects.map(contextOf))) if (name !== '.') await api.deleteConfig(`:${name}:`)
  await api.deleteConfig()
}

async function warnOfLeftOvers(config: RegistryConfig, context: Context): Promise<void> {
  const probe = await probeRegistry(config, context)
  if (probe.empty) return
  context.emit({
    type: 'finding',
    finding: {
      severity: 'warning',
      code: 'left-over-content',
      component: 'registry',
      item: probe.identity,
      message: `apicurio still keeps ${probe.contents.join(', ')}: a backup of the same schemas can be restored, others cannot be imported`,
      next: 'for a registry that is really empty: stop it and delete its journal topic',
    },
  })
}
