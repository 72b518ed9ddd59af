import { readFile } from 'node:fs/promises'
import { canonicalSchema, wholeSchema } from '../avro/canonical-schema.ts'
import { isNumber, type JsonTree, parseJsonTree } from '../avro/canonical-schema-json.ts'
import { JsonReadFailure } from '../avro/read-json-failure.ts'
import { type AvroSchema, AvroSchemaError, parseSchema } from '../avro/schema.ts'
import type { Compat } from './arguments.ts'
import { type RegistryHttp, RegistryRefusal, RegistryUnreachable, registryFailure } from './registry-http.ts'
import { referencedTexts, type SchemaReference, schemaById } from './registry-schemas.ts'
import { type Thrown, thrownText, ToolFailure, unsupportedSetting } from './tool-failure.ts'

export type Side = 'key' | 'value'

/** A schema that lines are read with. */
export interface ProducerSchema {
  schema: AvroSchema
  /** What is registered. */
  text: string
  /** The same with everything it refers to: what Java prints. */
  whole: string
  references: SchemaReference[]
}

/**
 * The schema of keys or values as SchemaMessageReader of 7.6 finds it: `*.schema.id` before `*.schema` before `*.schema.file`, with `*.refs`.
 * A text that is no schema hides its reason behind NoSuchElementException there; `safe` adds the reason.
 */
export async function producerSchema(
  http: RegistryHttp,
  properties: ReadonlyMap<string, string>,
  side: Side,
  compat: Compat,
): Promise<ProducerSchema> {
  for (const name of [`${side}.metadata`, `${side}.rule.set`]) {
    const value = properties.get(name)
    if (value !== undefined) throw unsupportedSetting(name, value)
  }
  const id = properties.get(`${side}.schema.id`)
  if (id !== undefined) return schemaOfId(http, id, `${side}.schema.id`, compat)
  const text = await schemaText(properties, side)
  return parse(http, text, references(properties.get(`${side}.refs`)), compat)
}

async function schemaOfId(http: RegistryHttp, text: string, name: string, compat: Compat): Promise<ProducerSchema> {
  const id = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(id >= -(2 ** 31) && id < 2 ** 31)) {
    throw new ToolFailure('start', [
      { type: 'org.apache.kafka.common.errors.SerializationException', message: `Error parsing ${name} as int` },
      { type: 'java.lang.NumberFormatException', message: `For input string: "${text}"` },
    ])
  }
  const found = await schemaById(http, id, '').catch((error: unknown) => {
    throw registryFailure(error, `Error retrieving schema for id ${id}`)
  })
  if (found.schemaType !== 'AVRO') {
    throw new ToolFailure('start', [
      { type: 'org.apache.kafka.common.errors.SerializationException', message: `Error retrieving schema for id ${id}` },
      { type: 'java.io.IOException', message: `Invalid schema of type ${found.schemaType}` },
    ])
  }
  return parse(http, found.schema, found.references, compat)
}

async function schemaText(properties: ReadonlyMap<string, string>, side: Side): Promise<string> {
  const config = (message: string) => new ToolFailure('start', { type: 'org.apache.kafka.common.config.ConfigException', message })
  const text = properties.get(`${side}.schema`)
  if (text !== undefined) return text
  const path = properties.get(`${side}.schema.file`)
  if (path === undefined) {
    throw config(`Must provide the ${side} schema in either ${side}.schema, ${side}.schema.id, or ${side}.schema.file`)
  }
  try {
    return await readFile(path, 'utf8')
  } catch {
    throw config(`Error reading schema from ${path}`)
  }
}

async function parse(http: RegistryHttp, text: string, refs: SchemaReference[], compat: Compat): Promise<ProducerSchema> {
  try {
    const referenced = await referencedTexts(http, refs)
    const whole = wholeSchema(text, referenced)
    return { schema: parseSchema(whole), text: canonicalSchema(text, referenced), whole, references: refs }
  } catch (error) {
    const reason = reasonOf(error)
    if (reason === undefined) throw error
    const hidden = { type: 'java.util.NoSuchElementException', message: 'No value present' }
    throw new ToolFailure('start', compat === 'strict' ? hidden : [hidden, reason], { cause: error })
  }
}

/** What the Java tool only logs. */
function reasonOf(error: unknown): Thrown | undefined {
  const parse = 'org.apache.avro.SchemaParseException'
  if (error instanceof AvroSchemaError) return { type: parse, message: error.message }
  if (error instanceof JsonReadFailure) return { type: parse, message: thrownText({ type: error.type, message: error.words }) }
  if (error instanceof RegistryRefusal || error instanceof RegistryUnreachable) {
    return { type: 'java.lang.RuntimeException', message: thrownText({ type: error.name, message: error.message }) }
  }
  return undefined
}

/** `*.refs`: a JSON list of `{name, subject, version}`. */
function references(text: string | undefined): SchemaReference[] {
  if (text === undefined) return []
  let json: JsonTree | undefined
  try {
    json = parseJsonTree(text)
  } catch (error) {
    if (!(error instanceof JsonReadFailure)) throw error
    // Confluent's mapper would take the numbers that are none.
    const cause = { type: error.type, message: error.message.replace('JSON String, Number,', "JSON String, Number (or 'NaN'/'+INF'/'-INF'),") }
    throw new ToolFailure('start', [{ type: 'java.lang.RuntimeException', message: thrownText(cause) }, cause])
  }
  if (Array.isArray(json)) {
    return json.map((item) => {
      const [name, subject, version] = item instanceof Map ? [item.get('name'), item.get('subject'), item.get('version')] : []
      if (typeof name !== 'string' || typeof subject !== 'string' || !isNumber(version)) throw noReferences(text)
      return { name, subject, version: Number(version.digits) }
    })
  }
  throw noReferences(text)
}

function noReferences(text: string): ToolFailure {
  const hint = 'it is a JSON list of {"name": …, "subject": …, "version": …}'
  return new ToolFailure('start', { type: 'java.lang.RuntimeException', message: `no schema references: ${text}` }, { hint })
}
