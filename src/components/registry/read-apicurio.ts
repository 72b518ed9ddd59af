import { DatapipeError } from '../../base/errors.ts'
import type { RegistryConnection } from '../../clients/registry.ts'
import type { ApicurioApi } from '../../clients/registry/apicurio-api.ts'
import { sideBySide } from './side-by-side.ts'
import { byVersion, type RegistrySnapshot } from './snapshot.ts'

const lanes = 8
const subjectOf = (item: { groupId?: string | null | undefined; artifactId: string }) =>
  item.groupId && item.groupId !== 'default' ? `${item.groupId}//${item.artifactId}` : item.artifactId

/**
 * Reads Apicurio over its native API: the Confluent-compatible one lists at most 1000 subjects, leaves ids out of `/schemas` and answers
 * 404 for a version of a wholly deleted subject. What it does list is the cross-check.
 */
export async function readApicurioSnapshot(connection: RegistryConnection, native: ApicurioApi): Promise<RegistrySnapshot> {
  const properties = await native.properties()
  const legacyIds = properties?.['apicurio.ccompat.legacy-id-mode.enabled'] === 'true'
  const [artifacts, versions, groups] = [await native.artifacts(), await native.versions(), await native.groups()]
  const contents = new Map(
    await sideBySide([...new Set(versions.map((item) => item.contentId))], lanes, async (id) => {
      const references = (await native.references(id)).map((item) => ({ name: item.name, subject: subjectOf(item), version: item.version }))
      return [id, { schema: await native.content(id), references }] as const
    }),
  )
  await crossCheck({
    connection,
    native: artifacts.filter((item) => !item.groupId || item.groupId === 'default').map((item) => item.artifactId),
    cap: Number(properties?.['apicurio.ccompat.max-subjects'] ?? 1000),
  })

  const config: RegistrySnapshot['config'] = { global: settings(await native.globalRules()), subjects: {} }
  const rules = await sideBySide(artifacts, lanes, async (item) => ({
    name: subjectOf(item),
    rules: await native.artifactRules(item.groupId, item.artifactId),
  }))
  for (const { groupId } of groups) rules.push({ name: `${groupId}//`, rules: await native.groupRules(groupId) })
  for (const item of rules) if (Object.keys(item.rules).length > 0) config.subjects[item.name] = settings(item.rules)

  return {
    format: 1,
    kind: 'apicurio',
    version: connection.version,
    contexts: ['.'],
    subjects: artifacts.map(subjectOf).sort(),
    versions: versions
      .map((item) => ({
        subject: subjectOf(item),
        version: item.version,
        id: legacyIds ? item.globalId : item.contentId,
        type: item.artifactType,
        schema: contents.get(item.contentId)?.schema ?? '',
        references: contents.get(item.contentId)?.references ?? [],
        deleted: item.state === 'DISABLED',
        globalId: item.globalId,
      }))
      .sort(byVersion),
    config,
    // Apicurio stores a mode and ignores it.
    mode: { global: null, subjects: {} },
  }
}

/** Both APIs must list the same subjects of the default group, as far as the compatible one lists them. */
async function crossCheck(of: { connection: RegistryConnection; native: string[]; cap: number }): Promise<void> {
  const { connection, native, cap } = of
  const listed = await connection.confluent.subjects({ deleted: true })
  const known = new Set(native)
  const unknown = listed.filter((subject) => !known.has(subject))
  if (unknown.length > 0 || listed.length < Math.min(cap, native.length)) {
    throw new DatapipeError(
      'server-refused',
      `apicurio's two APIs list different subjects: ${native.length} natively, ${listed.length} compatibly${unknown.length > 0 ? `, only there: ${unknown.slice(0, 3).join(', ')}` : ''}`,
      {
        hint: 'schemas were being registered or deleted just now: run it again',
      },
    )
  }
}

function settings(rules: Record<string, string>): Record<string, unknown> {
  const { COMPATIBILITY, ...others } = rules
  return { ...(COMPATIBILITY === undefined ? {} : { compatibilityLevel: COMPATIBILITY }), ...others }
}
