import { AvroSchemaError, type AvroSchema, parseSchema } from '../avro/schema.ts'
import type { RegistryHttp } from './registry-http.ts'
import { ToolFailure } from './tool-failure.ts'

export interface SchemaReference {
  name: string
  subject: string
  version: number
}

/** What the registry answers for one schema. */
export interface RegisteredSchema {
  schema: string
  /** `AVRO` when the answer has none. */
  schemaType: string
  references: SchemaReference[]
  id?: number
  version?: number
}

/** The schema of an id; `subject` (empty with a strategy by record name) tells the registry where to look first. */
export async function schemaById(http: RegistryHttp, id: number, subject: string): Promise<RegisteredSchema> {
  return registeredSchema(await http.request('GET', `/schemas/ids/${id}?fetchMaxId=false&subject=${encodeURIComponent(subject)}`))
}

/** The latest version of a subject. */
export async function latestSchema(http: RegistryHttp, subject: string): Promise<RegisteredSchema> {
  return registeredSchema(await http.request('GET', `/subjects/${encodeURIComponent(subject)}/versions/latest`))
}

/**
 * Parses an Avro schema with everything it refers to; references are fetched depth first, each once.
 * Another type of schema fails as the Java client does.
 */
export async function parseRegistered(http: RegistryHttp, registered: RegisteredSchema): Promise<AvroSchema> {
  if (registered.schemaType !== 'AVRO') {
    const inner = { type: 'java.lang.IllegalStateException', message: `Invalid schema type ${registered.schemaType}` }
    const outer = { type: 'com.google.common.util.concurrent.UncheckedExecutionException', message: `${inner.type}: ${inner.message}` }
    throw new ToolFailure('record', [outer, inner])
  }
  const known = new Map<string, AvroSchema>()
  for (const text of await referencedTexts(http, registered.references)) parseSchema(text, known)
  return parseSchema(registered.schema, known)
}

/**
 * The schema texts behind references, in the order in which they can be parsed. Requests go from the outside in, as the Java client's do;
 * a reference met twice is asked for once.
 */
export async function referencedTexts(http: RegistryHttp, references: SchemaReference[], seen: Set<string> = new Set()): Promise<string[]> {
  const texts: string[] = []
  for (const { name, subject, version } of references) {
    if (seen.has(name)) continue
    seen.add(name)
    const found = registeredSchema(await http.request('GET', `/subjects/${encodeURIComponent(subject)}/versions/${version}?deleted=true`))
    texts.push(...(await referencedTexts(http, found.references, seen)), found.schema)
  }
  return texts
}

/** Checks the shape of an answer, by hand because zod takes longer to load than the whole tool may: `{schema, schemaType?, references?, id?, version?}`. Throws AvroSchemaError when there is no schema in it. */
export function registeredSchema(answer: unknown): RegisteredSchema {
  const { schema, schemaType, references, id, version } = (answer ?? {}) as Record<string, unknown>
  if (typeof schema !== 'string') throw new AvroSchemaError('the registry answered without a schema')
  const found: RegisteredSchema = {
    schema,
    schemaType: typeof schemaType === 'string' ? schemaType : 'AVRO',
    references: Array.isArray(references) ? references.map(schemaReference) : [],
  }
  if (typeof id === 'number') found.id = id
  if (typeof version === 'number') found.version = version
  return found
}

function schemaReference(value: unknown): SchemaReference {
  const { name, subject, version } = (value ?? {}) as Record<string, unknown>
  if (typeof name === 'string' && typeof subject === 'string' && typeof version === 'number') return { name, subject, version }
  throw new AvroSchemaError(`not a schema reference: ${JSON.stringify(value)}`)
}
