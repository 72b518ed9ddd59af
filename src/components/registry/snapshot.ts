import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'
import { parseJson } from '../../base/lossless-json.ts'
import { contextOf } from './subject.ts'

const settingsSchema = z.record(z.string(), z.unknown())

const versionSchema = z.strictObject({
  /** See subject.ts for how contexts and groups are named. */
  subject: z.string(),
  /** A number in Confluent-compatible registries, any text in Apicurio. */
  version: z.string(),
  /** The id on the wire (4 bytes): Confluent's id, Apicurio's contentId (globalId in its legacy mode). Unique per context. */
  id: z.number().int(),
  type: z.string(),
  schema: z.string(),
  references: z.array(z.strictObject({ name: z.string(), subject: z.string(), version: z.string() })),
  /** Soft-deleted (Apicurio: state DISABLED). */
  deleted: z.boolean(),
  metadata: settingsSchema.optional(),
  ruleSet: settingsSchema.optional(),
  /** Apicurio only: its other id. */
  globalId: z.number().int().optional(),
})
export type SnapshotVersion = z.infer<typeof versionSchema>

/** What a registry holds, in comparable form, and the content of a backup's `registry.json`. Lists are in order of subject and version. */
export const registrySnapshotSchema = z.strictObject({
  format: z.literal(1),
  kind: z.enum(['confluent', 'apicurio', 'karapace', 'other']),
  version: z.string(),
  contexts: z.array(z.string()),
  /** Also those without a version. */
  subjects: z.array(z.string()),
  versions: z.array(versionSchema),
  /** Compatibility and what else is configured. `subjects`: by subject or context (`:.ctx:`), only where set. Apicurio: its rules by name, COMPATIBILITY as `compatibilityLevel`. */
  config: z.strictObject({ global: settingsSchema, subjects: z.record(z.string(), settingsSchema) }),
  mode: z.strictObject({ global: z.string().nullable(), subjects: z.record(z.string(), z.string()) }),
})
export type RegistrySnapshot = z.infer<typeof registrySnapshotSchema>

/** Reads `registry.json`. Throws `format-too-new`, or `artifact-damaged` when it does not fit. */
export function parseSnapshot(text: string): RegistrySnapshot {
  const value = parseJson(text) as { format?: unknown } | null
  if (typeof value?.format === 'number' && value.format > 1) throw new DatapipeError('format-too-new', `registry.json has format ${value.format}`)
  const result = registrySnapshotSchema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new DatapipeError('artifact-damaged', `registry.json does not parse: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`, {
    path: 'registry/registry.json',
  })
}

export const versionKey = (item: { subject: string; version: string }): string => `${item.subject}\n${item.version}`

/** By subject, then by version (as number where both are). */
export function byVersion(a: { subject: string; version: string }, b: { subject: string; version: string }): number {
  if (a.subject !== b.subject) return a.subject < b.subject ? -1 : 1
  const difference = Number(a.version) - Number(b.version)
  return Number.isNaN(difference) ? (a.version < b.version ? -1 : 1) : difference
}

/** Every id with one version that has it, in order of context and id. The same id under several subjects is the same content. */
export function idsOf(snapshot: RegistrySnapshot): { context: string; id: number; of: SnapshotVersion }[] {
  const found = new Map<string, { context: string; id: number; of: SnapshotVersion }>()
  for (const of of snapshot.versions) {
    const context = contextOf(of.subject)
    const key = `${context}\n${of.id}`
    // A live version is the better witness: its path answers without `deleted=true`.
    if (!found.has(key) || (found.get(key)?.of.deleted && !of.deleted)) found.set(key, { context, id: of.id, of })
  }
  return [...found.values()].sort((a, b) => (a.context === b.context ? a.id - b.id : a.context < b.context ? -1 : 1))
}
