import type { RegistryConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import type { Finding } from '../../base/finding.ts'
import { openRegistry } from '../../clients/registry.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { schemaSha256 } from './canonical.ts'
import { type RegistryPart, readPartArtifact, readPartSnapshot } from './part.ts'
import { zipEntries } from './probe.ts'
import { sideBySide } from './side-by-side.ts'
import { idsOf, versionKey } from './snapshot.ts'
import { resolveReference } from './subject.ts'

/** A schema id that records carry, and the first record that does. */
export interface UsedSchemaId {
  id: number
  topic: string
  partition: number
  offset: bigint
}

const finding = (code: string, item: string, message: string, next?: string): Finding => ({
  severity: 'harm',
  code,
  component: 'registry',
  item,
  message,
  ...(next === undefined ? {} : { next }),
})

/**
 * Is the stored part whole, and does it hold every id that the stored records use? Reads the backup only.
 * A damaged artifact is a finding, not an exception (the caller's reader has its name).
 */
export async function verifyRegistry(options: { part: RegistryPart; reader: ArtifactReader; usedIds: Iterable<UsedSchemaId> }): Promise<Finding[]> {
  const { part, reader } = options
  const findings: Finding[] = []
  const snapshot = await readPartSnapshot(part, reader)
  const stored = new Map(idsOf(snapshot).map((item) => [`${item.context}\n${item.id}`, item]))
  for (const listed of part.ids) {
    const item = stored.get(`${listed.context}\n${listed.id}`)
    const name = `id ${listed.id}${listed.context === '.' ? '' : ` in ${listed.context}`}`
    if (item === undefined) findings.push(finding('schema-missing', name, 'is in the manifest, not in registry.json'))
    else if (schemaSha256(item.of.type, item.of.schema) !== listed.sha256)
      findings.push(finding('schema-differs', name, 'registry.json has other text than the manifest'))
  }
  if (stored.size !== part.ids.length)
    findings.push(finding('schema-missing', 'registry.json', `has ${stored.size} ids, the manifest ${part.ids.length}`))
  findings.push(...unresolved(snapshot.versions))
  const known = new Set(part.ids.map((item) => item.id))
  for (const used of options.usedIds) {
    if (known.has(used.id)) continue
    const item = `${used.topic}/${used.partition}/${used.offset}`
    findings.push(
      finding(
        'schema-missing',
        item,
        `carries schema id ${used.id}, which the registry did not have`,
        'the record cannot be decoded after a restore',
      ),
    )
  }
  if (part.artifacts.nativeExport !== undefined) {
    const path = part.artifacts.nativeExport
    const contents = zipEntries(await readPartArtifact(path, reader)).filter((entry) => entry.name.endsWith('.ArtifactVersion.json')).length
    if (contents < part.counts.versions) findings.push(finding('schema-missing', path, `holds ${contents} versions of ${part.counts.versions}`))
  }
  return findings
}

function unresolved(versions: readonly { subject: string; version: string; references: { subject: string; version: string }[] }[]): Finding[] {
  const keys = new Set(versions.map(versionKey))
  return versions.flatMap((version) =>
    version.references
      .filter((reference) => !keys.has(versionKey({ subject: resolveReference(version.subject, reference.subject), version: reference.version })))
      .map((reference) =>
        finding(
          'reference-unresolved',
          `${version.subject}/${version.version}`,
          `refers to ${reference.subject}/${reference.version}, which is not there`,
        ),
      ),
  )
}

/**
 * Asks a live registry, as a consumer would, for every id of the part and every id used in data, and compares the content.
 * Gives `schema-missing` and `schema-differs` findings, empty when all is well.
 */
export async function verifyRestoredIds(options: {
  part: RegistryPart
  config: RegistryConfig
  ids: Iterable<UsedSchemaId>
  context: Context
}): Promise<Finding[]> {
  const { part, config, context } = options
  const { confluent } = await openRegistry(config, context.signal)
  const used = new Map<number, UsedSchemaId>()
  for (const item of options.ids) if (!used.has(item.id)) used.set(item.id, item)
  const findings = await sideBySide(part.ids, 8, async (wanted): Promise<Finding[]> => {
    const name = `id ${wanted.id}${wanted.context === '.' ? '' : ` in ${wanted.context}`}`
    const user = used.get(wanted.id)
    const by = user === undefined ? '' : `; ${user.topic}/${user.partition}/${user.offset} carries it`
    const got = await confluent.byId(wanted.id, wanted.context === '.' ? undefined : wanted.subject)
    if (got === undefined) return [finding('schema-missing', name, `the registry does not have it (${wanted.subject})${by}`)]
    if (got.schemaType === wanted.type && schemaSha256(got.schemaType, got.schema) === wanted.sha256) return []
    return [
      finding('schema-differs', name, `the registry gives ${got.schemaType} ${got.schema.slice(0, 80)}, not the schema of ${wanted.subject}${by}`),
    ]
  })
  return [...findings.flat(), ...unknownIds(part, used.values())]
}

/** A finding for the first record of each id that the part does not have. */
export function unknownIds(part: RegistryPart, usedIds: Iterable<UsedSchemaId>): Finding[] {
  const known = new Set(part.ids.map((item) => item.id))
  const strangers = [...usedIds].filter((item) => !known.has(item.id))
  const first = [...Map.groupBy(strangers, ({ id }) => id).values()].flatMap(([item]) => (item === undefined ? [] : [item]))
  return first.map((item) =>
    finding('schema-missing', `${item.topic}/${item.partition}/${item.offset}`, `carries schema id ${item.id}, which the backup does not have`),
  )
}
