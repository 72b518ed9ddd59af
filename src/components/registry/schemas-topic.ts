import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'
import { parseJson } from '../../base/lossless-json.ts'
import { byVersion, type RegistrySnapshot, type SnapshotVersion } from './snapshot.ts'
import { contextOf } from './subject.ts'

export interface SchemasTopicRecord {
  /** Record key and value as text; a null value is a tombstone. */
  key: string | null
  value: string | null
}

const keySchema = z.looseObject({
  keytype: z.string(),
  subject: z.string().nullish(),
  version: z.number().int().optional(),
  context: z.string().optional(),
})
const valueSchema = z.looseObject({
  subject: z.string(),
  version: z.number().int(),
  id: z.number().int(),
  schemaType: z.string().nullish(),
  schema: z.string(),
  references: z.array(z.object({ name: z.string(), subject: z.string(), version: z.number().int() })).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  ruleSet: z.record(z.string(), z.unknown()).nullish(),
  deleted: z.boolean().optional(),
})
const upToSchema = z.looseObject({ subject: z.string(), version: z.number().int() })
const settingsSchema = z.record(z.string(), z.unknown())

/**
 * What a Confluent `_schemas` topic says, by replaying its records in order: a second source beside REST, and the only one that knows settings
 * of subjects that do not exist. Kinds of keys (read in 7.6.13's and 8.3.1's topics):
 * SCHEMA (value null: gone for good), DELETE_SUBJECT (soft-deletes versions up to the value's), CLEAR_SUBJECT (purges the soft-deleted versions of
 * a subject, of a context `:.ctx:`, or without subject of all), CONFIG, MODE, CONTEXT, NOOP. Any other key throws `not-supported`: guessing would
 * make the cross-check worthless.
 */
export function snapshotOfSchemasTopic(records: Iterable<SchemasTopicRecord>, of: Pick<RegistrySnapshot, 'kind' | 'version'>): RegistrySnapshot {
  const versions = new Map<string, SnapshotVersion>()
  const contexts = new Set(['.'])
  const config: RegistrySnapshot['config'] = { global: {}, subjects: {} }
  const mode: RegistrySnapshot['mode'] = { global: 'READWRITE', subjects: {} }

  const read = <T>(schema: z.ZodType<T>, text: string | null, what: string): T => {
    const result = schema.safeParse(text === null ? null : jsonOr(text, unreadable))
    if (result.success) return result.data
    throw new DatapipeError('not-supported', `a ${what} record of the schemas topic is in an unknown form: ${result.error.issues[0]?.message ?? ''}`)
  }

  for (const record of records) {
    const key = read(keySchema, record.key, 'key')
    const subject = key.subject ?? undefined
    if (key.keytype === 'SCHEMA') {
      const at = `${subject}\n${key.version}`
      if (record.value === null) versions.delete(at)
      else versions.set(at, snapshotVersion(read(valueSchema, record.value, 'SCHEMA')))
    } else if (key.keytype === 'DELETE_SUBJECT') {
      if (record.value === null) continue
      const upTo = read(upToSchema, record.value, 'DELETE_SUBJECT')
      for (const version of versions.values()) if (version.subject === upTo.subject && Number(version.version) <= upTo.version) version.deleted = true
    } else if (key.keytype === 'CLEAR_SUBJECT') {
      for (const [at, version] of versions) if (version.deleted && inScope(version.subject, subject)) versions.delete(at)
    } else if (key.keytype === 'CONFIG') {
      const settings = record.value === null ? undefined : read(settingsSchema, record.value, 'CONFIG')
      if (settings !== undefined) delete settings.subject
      if (subject === undefined) config.global = settings ?? {}
      else if (settings === undefined) delete config.subjects[subject]
      else config.subjects[subject] = settings
    } else if (key.keytype === 'MODE') {
      const value = record.value === null ? undefined : read(z.looseObject({ mode: z.string() }), record.value, 'MODE').mode
      if (subject === undefined) mode.global = value ?? 'READWRITE'
      else if (value === undefined) delete mode.subjects[subject]
      else mode.subjects[subject] = value
    } else if (key.keytype === 'CONTEXT') {
      if (key.context !== undefined && record.value !== null) contexts.add(key.context)
    } else if (key.keytype !== 'NOOP') {
      throw new DatapipeError('not-supported', `the schemas topic has records of a kind that is not known: ${key.keytype}`)
    }
  }
  const list = [...versions.values()].sort(byVersion)
  return {
    format: 1,
    ...of,
    contexts: [...contexts],
    subjects: [...new Set(list.map((version) => version.subject))].sort(),
    versions: list,
    config,
    mode,
  }
}

/** `scope`: a subject, a context (`:.ctx:`), or undefined for everything in the default context. */
function inScope(subject: string, scope: string | undefined): boolean {
  if (scope === undefined) return contextOf(subject) === '.'
  const context = /^:(\.[^:]*):$/.exec(scope)?.[1]
  return context === undefined ? subject === scope : contextOf(subject) === context
}

function snapshotVersion(value: z.infer<typeof valueSchema>): SnapshotVersion {
  const version: SnapshotVersion = {
    subject: value.subject,
    version: String(value.version),
    id: value.id,
    type: value.schemaType ?? 'AVRO',
    schema: value.schema,
    references: (value.references ?? []).map((reference) => ({ ...reference, version: String(reference.version) })),
    deleted: value.deleted === true,
  }
  if (value.metadata) version.metadata = value.metadata
  if (value.ruleSet) version.ruleSet = value.ruleSet
  return version
}

/** Fits no schema. */
const unreadable = Symbol('no JSON')

function jsonOr<T>(text: string, otherwise: T): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    if (error instanceof SyntaxError) return otherwise
    throw error
  }
}
