import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { ApicurioApi } from '../../clients/registry/apicurio-api.ts'
import type { ConfluentApi } from '../../clients/registry/confluent-api.ts'
import { schemaSha256 } from './canonical.ts'
import { parentsFirst } from './parents-first.ts'
import type { RegistryPart } from './part.ts'
import { sideBySide } from './side-by-side.ts'
import type { RegistrySnapshot, SnapshotVersion } from './snapshot.ts'

/**
 * Apicurio keeps the content of deleted schemas, with its id, long after the last subject is gone (3.3.3: its clean-up does not get it), and refuses
 * an import over it. Registering the same content again gives it its old id back, because content is stored once. So a registry that was wiped, or
 * whose subjects somebody deleted, can be restored in place, if it still has *every* content of the backup under the id of the backup.
 */
export async function stillHasContents(native: ApicurioApi, part: RegistryPart): Promise<boolean> {
  if (part.kind !== 'apicurio' || part.ids.length === 0) return false
  const same = await sideBySide(part.ids, 8, async (wanted) => {
    const text = await native.contentIfThere(wanted.id)
    return text !== undefined && schemaSha256(wanted.type, text) === wanted.sha256
  })
  return same.every(Boolean)
}

/**
 * Registers every version again, parents first, and compares the id of each at once; then disables the soft-deleted ones and sets the rules.
 * Names, descriptions, labels and global ids of the artifacts do not come back this way. Throws `ids-would-change` at the first id that moved.
 */
export async function registerAgain(options: {
  native: ApicurioApi
  confluent: ConfluentApi
  snapshot: RegistrySnapshot
  context: Context
}): Promise<void> {
  const { native, confluent, snapshot, context } = options
  const begun = new Set<string>()
  for (const version of parentsFirst(snapshot.versions)) {
    if (context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while registering schemas')
    const id = isPlain(version.subject)
      ? await register(native, version, begun.has(version.subject))
      : await confluent.register(version.subject, {
          schema: version.schema,
          schemaType: version.type,
          references: version.references.map((reference) => ({ ...reference, version: Number(reference.version) })),
        })
    begun.add(version.subject)
    if (id !== version.id) {
      throw new DatapipeError('ids-would-change', `apicurio gave ${version.subject}/${version.version} the id ${id}, it had ${version.id}`, {
        path: `${version.subject}/${version.version}`,
      })
    }
  }
  for (const subject of snapshot.subjects) {
    const { groupId, artifactId } = placeOf(subject)
    if (!begun.has(subject)) await native.createArtifact(groupId, artifactId, 'AVRO', undefined)
  }
  for (const version of snapshot.versions) {
    if (!version.deleted) continue
    const { groupId, artifactId } = placeOf(version.subject)
    if (isPlain(version.subject)) await native.disableVersion(groupId, artifactId, version.version)
    else await confluent.deleteVersion(version.subject, Number(version.version))
  }
  for (const [subject, settings] of Object.entries(snapshot.config.subjects)) {
    const { groupId, artifactId } = placeOf(subject)
    for (const [type, value] of rulesOf(settings)) await native.addRule(artifactId === '' ? { groupId } : { groupId, artifactId }, type, value)
  }
  for (const [type, value] of rulesOf(snapshot.config.global)) await native.addRule({}, type, value)
}

async function register(native: ApicurioApi, version: SnapshotVersion, begun: boolean): Promise<number> {
  const { groupId, artifactId } = placeOf(version.subject)
  const references = version.references.map((reference) => ({ ...placeOf(reference.subject), version: reference.version, name: reference.name }))
  const content = { content: version.schema, contentType: contentTypeOf(version.type, version.schema), references }
  const item = { version: version.version, content }
  return begun ? await native.createVersion(groupId, artifactId, item) : await native.createArtifact(groupId, artifactId, version.type, item)
}

/**
 * The native API refuses to create what the compatible one lets in: names with `%` or beyond ASCII. There the compatible API registers, which
 * numbers versions itself; a gap in them is found by the read-back.
 */
function isPlain(subject: string): boolean {
  return /^[ -~]*$/.test(subject) && !subject.includes('%')
}

/** `group//artifact` outside the default group (see subject.ts). */
function placeOf(subject: string): { groupId: string | null; artifactId: string } {
  const at = subject.indexOf('//')
  return at === -1 ? { groupId: null, artifactId: subject } : { groupId: subject.slice(0, at), artifactId: subject.slice(at + 2) }
}

function rulesOf(settings: Record<string, unknown>): [string, string][] {
  return Object.entries(settings).map(([key, value]) => [key === 'compatibilityLevel' ? 'COMPATIBILITY' : key, String(value)])
}

function contentTypeOf(type: string, text: string): string {
  if (type === 'PROTOBUF') return 'application/x-protobuf'
  const first = text.trimStart()[0] ?? ''
  if (first === '<') return 'application/xml'
  return '{["'.includes(first) || type === 'AVRO' || type === 'JSON' ? 'application/json' : 'application/x-yaml'
}
