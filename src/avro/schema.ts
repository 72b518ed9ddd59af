/** An Avro schema, names resolved. Named types that refer to themselves are cycles in this graph. */
export type AvroSchema = PrimitiveSchema | RecordSchema | EnumSchema | FixedSchema | ArraySchema | MapSchema | UnionSchema

export type PrimitiveName = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string'

interface WithLogicalType {
  /** As written in the schema, known or not. */
  logicalType?: string
  precision?: number
  scale?: number
}

export interface PrimitiveSchema extends WithLogicalType {
  type: PrimitiveName
  /** `avro.java.string` is `String`. */
  javaString?: boolean
}

export interface RecordSchema extends WithLogicalType {
  type: 'record'
  /** Full name. */
  name: string
  namespace: string | undefined
  /** Full names. */
  aliases: string[]
  fields: RecordField[]
}

export interface RecordField {
  name: string
  aliases: string[]
  schema: AvroSchema
  /** Present, possibly null, when the field has a default: JSON as written. */
  default?: unknown
}

export interface EnumSchema extends WithLogicalType {
  type: 'enum'
  name: string
  namespace: string | undefined
  aliases: string[]
  symbols: string[]
  default?: string
}

export interface FixedSchema extends WithLogicalType {
  type: 'fixed'
  name: string
  namespace: string | undefined
  aliases: string[]
  /** Bytes. */
  size: number
}

export interface ArraySchema extends WithLogicalType {
  type: 'array'
  items: AvroSchema
}

export interface MapSchema extends WithLogicalType {
  type: 'map'
  values: AvroSchema
  /** Keys are Java strings (`avro.java.string`). */
  javaString?: boolean
}

export interface UnionSchema {
  type: 'union'
  branches: AvroSchema[]
  logicalType?: undefined
}

/** A text that is no Avro schema. */
export class AvroSchemaError extends Error {
  override readonly name = 'AvroSchemaError'
}

/**
 * Parses a schema's JSON text (https://avro.apache.org/docs/1.11.1/specification/). `known` holds named types of referenced schemas by full name
 * and receives those of this one. Throws AvroSchemaError.
 */
export function parseSchema(text: string, known: Map<string, AvroSchema> = new Map()): AvroSchema {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    // A bare name is a schema to Java's parser too.
    if (/^[A-Za-z_][\w.]*$/.test(text.trim())) return build(text.trim(), undefined, known)
    throw new AvroSchemaError(`not JSON: ${(cause as Error).message}`)
  }
  return build(json, undefined, known)
}

/** The name of a union branch in JSON: the type's name, full for named types. Logical types do not change it. */
export function branchName(schema: AvroSchema): string {
  return 'name' in schema ? schema.name : schema.type
}

const primitives = new Set<string>(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'])
type Attributes = Readonly<Record<string, unknown>>

function build(json: unknown, namespace: string | undefined, known: Map<string, AvroSchema>): AvroSchema {
  if (typeof json === 'string') return named(json, namespace, known)
  if (Array.isArray(json)) return union(json, namespace, known)
  if (typeof json !== 'object' || json === null) throw new AvroSchemaError(`no schema: ${JSON.stringify(json)}`)
  const attributes = json as Attributes
  const { type } = attributes
  if (typeof type !== 'string') {
    if (type === undefined) throw new AvroSchemaError(`no type: ${JSON.stringify(json).slice(0, 200)}`)
    // {"type": {"type": "string"}} says the same as its inside.
    return build(type, namespace, known)
  }
  return ofType(type, attributes, namespace, known)
}

function ofType(type: string, attributes: Attributes, namespace: string | undefined, known: Map<string, AvroSchema>): AvroSchema {
  switch (type) {
    case 'record':
    case 'error':
      return record(attributes, namespace, known)
    case 'enum': {
      const { names, logical } = header(attributes, namespace)
      const symbols = strings(attributes.symbols, 'symbols')
      const schema: EnumSchema = { type, ...names, symbols, ...logical }
      if (typeof attributes.default === 'string') schema.default = attributes.default
      return define(schema, known)
    }
    case 'fixed': {
      const { names, logical } = header(attributes, namespace)
      const { size } = attributes
      if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) throw new AvroSchemaError(`invalid or no size: ${String(size)}`)
      return define({ type, ...names, size, ...logical }, known)
    }
    case 'array':
      return { type, items: build(attributes.items, namespace, known), ...logicalType(attributes) }
    case 'map':
      return { type, values: build(attributes.values, namespace, known), ...logicalType(attributes), ...javaString(attributes) }
    default:
      if (primitives.has(type)) return { type: type as PrimitiveName, ...logicalType(attributes), ...javaString(attributes) }
      return named(type, namespace, known)
  }
}

function record(attributes: Attributes, namespace: string | undefined, known: Map<string, AvroSchema>): RecordSchema {
  const { names, logical } = header(attributes, namespace)
  const schema: RecordSchema = { type: 'record', ...names, fields: [], ...logical }
  define(schema, known)
  if (!Array.isArray(attributes.fields)) throw new AvroSchemaError('Record has no fields')
  for (const field of attributes.fields as Attributes[]) {
    if (typeof field?.name !== 'string') throw new AvroSchemaError(`a field of ${schema.name} has no name`)
    const aliases = field.aliases === undefined ? [] : strings(field.aliases, 'aliases')
    const built: RecordField = { name: field.name, aliases, schema: build(field.type, schema.namespace, known) }
    if (Object.hasOwn(field, 'default')) built.default = field.default
    if (schema.fields.some(({ name }) => name === built.name)) throw new AvroSchemaError(`Duplicate field ${built.name} in record ${schema.name}`)
    schema.fields.push(built)
  }
  return schema
}

function union(branches: unknown[], namespace: string | undefined, known: Map<string, AvroSchema>): UnionSchema {
  const built = branches.map((branch) => build(branch, namespace, known))
  const seen = new Set<string>()
  for (const branch of built) {
    if (branch.type === 'union') throw new AvroSchemaError('Nested union')
    const name = branchName(branch)
    if (seen.has(name)) throw new AvroSchemaError(`Duplicate in union:${name}`)
    seen.add(name)
  }
  return { type: 'union', branches: built }
}

function named(name: string, namespace: string | undefined, known: Map<string, AvroSchema>): AvroSchema {
  if (primitives.has(name)) return { type: name as PrimitiveName }
  const found = known.get(fullName(name, namespace)) ?? known.get(name)
  if (found === undefined) throw new AvroSchemaError(`Undefined name: "${fullName(name, namespace)}"`)
  return found
}

function header(attributes: Attributes, enclosing: string | undefined) {
  const { name } = attributes
  if (typeof name !== 'string' || name === '') throw new AvroSchemaError(`No name in schema: ${JSON.stringify(attributes).slice(0, 200)}`)
  const given = typeof attributes.namespace === 'string' ? attributes.namespace : enclosing
  const full = fullName(name, given)
  if (!/^[\p{L}_][\p{L}\p{Nd}_]*(\.[\p{L}_][\p{L}\p{Nd}_]*)*$/u.test(full)) throw new AvroSchemaError(`Illegal character in: ${full}`)
  const namespace = full.includes('.') ? full.slice(0, full.lastIndexOf('.')) : undefined
  const aliases = (attributes.aliases === undefined ? [] : strings(attributes.aliases, 'aliases')).map((alias) => fullName(alias, namespace))
  return { names: { name: full, namespace, aliases }, logical: logicalType(attributes) }
}

function fullName(name: string, namespace: string | undefined): string {
  return name.includes('.') || namespace === undefined || namespace === '' ? name : `${namespace}.${name}`
}

function define<S extends RecordSchema | EnumSchema | FixedSchema>(schema: S, known: Map<string, AvroSchema>): S {
  if (known.has(schema.name)) throw new AvroSchemaError(`Can't redefine: ${schema.name}`)
  known.set(schema.name, schema)
  return schema
}

function logicalType(attributes: Attributes): WithLogicalType {
  if (typeof attributes.logicalType !== 'string') return {}
  const found: WithLogicalType = { logicalType: attributes.logicalType }
  if (typeof attributes.precision === 'number') found.precision = attributes.precision
  if (typeof attributes.scale === 'number') found.scale = attributes.scale
  return found
}

function javaString(attributes: Attributes): { javaString?: boolean } {
  return attributes['avro.java.string'] === 'String' ? { javaString: true } : {}
}

function strings(value: unknown, what: string): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value as string[]
  throw new AvroSchemaError(`${what} is no list of strings`)
}
