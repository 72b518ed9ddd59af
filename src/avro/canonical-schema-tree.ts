import { isNumber, type JsonTree, writeJsonTree } from './canonical-schema-json.ts'
import { AvroSchemaError } from './schema.ts'

/** A name split as Avro does it; no namespace is undefined, never empty. */
export interface SplitName {
  name: string
  space: string | undefined
  full: string
}

export type Properties = [name: string, value: JsonTree][]

export interface SchemaField {
  name: string
  type: SchemaTree
  doc: string | undefined
  default: JsonTree | undefined
  /** As it is written; undefined for the usual `ascending`. */
  order: string | undefined
  aliases: string[]
  properties: Properties
}

/** A schema with everything that is written again. Named types that are met again are the same object. */
export type SchemaTree =
  | { kind: 'primitive'; type: string; properties: Properties }
  | { kind: 'array' | 'map'; inner: SchemaTree; properties: Properties }
  | { kind: 'union'; branches: SchemaTree[] }
  | NamedTree

export interface NamedTree {
  kind: 'named'
  type: 'record' | 'error' | 'enum' | 'fixed'
  name: SplitName
  doc: string | undefined
  /** Behind the name: fields, symbols and default, or size. */
  fields: SchemaField[]
  symbols: string[]
  default: string | undefined
  size: string
  aliases: SplitName[]
  properties: Properties
}

const primitives = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'])
const schemaWords = new Set(['doc', 'fields', 'items', 'name', 'namespace', 'size', 'symbols', 'values', 'type', 'aliases'])
const fieldWords = new Set(['default', 'doc', 'name', 'order', 'type', 'aliases'])

/** Named types by full name. */
export type KnownTrees = Map<string, NamedTree>

/** Builds the tree as Schema.Parser of Avro 1.11 does. Throws AvroSchemaError with its words. */
export function buildTree(json: JsonTree, space: string | undefined, known: KnownTrees): SchemaTree {
  if (typeof json === 'string') return byName(json, space, known) ?? fail(`Undefined name: ${writeJsonTree(json)}`)
  if (Array.isArray(json)) return { kind: 'union', branches: json.map((branch) => buildTree(branch, space, known)) }
  if (!(json instanceof Map)) return fail(`Schema not yet supported: ${writeJsonTree(json)}`)
  const type = text(json, 'type') ?? fail(`No type: ${writeJsonTree(json)}`)
  switch (type) {
    case 'record':
    case 'error':
    case 'enum':
    case 'fixed':
      return buildNamed(type, json, space, known)
    case 'array':
    case 'map': {
      const inner = json.get(type === 'array' ? 'items' : 'values')
      if (inner === undefined) return fail(`${type === 'array' ? 'Array has no items' : 'Map has no values'} type: ${writeJsonTree(json)}`)
      return { kind: type, inner: buildTree(inner, space, known), properties: propertiesOf(json, schemaWords) }
    }
    default:
      if (primitives.has(type)) return { kind: 'primitive', type, properties: propertiesOf(json, schemaWords) }
      return known.get(splitName(type, space).full) ?? fail(`Type not supported: ${type}`)
  }
}

function fail(message: string): never {
  throw new AvroSchemaError(message)
}

function text(json: Map<string, JsonTree>, name: string): string | undefined {
  const value = json.get(name)
  return typeof value === 'string' ? value : undefined
}

export function splitName(given: string, space: string | undefined): SplitName {
  const dot = given.lastIndexOf('.')
  const name = given.slice(dot + 1)
  const own = (dot < 0 ? space : given.slice(0, dot)) || undefined
  if (name === '') fail('Empty name')
  if (!/^[\p{L}_]/u.test(name)) fail(`Illegal initial character: ${name}`)
  if (!/^[\p{L}\p{Nd}_]*$/u.test(name)) fail(`Illegal character in: ${name}`)
  return { name, space: own, full: own === undefined ? name : `${own}.${name}` }
}

function byName(given: string, space: string | undefined, known: KnownTrees): SchemaTree | undefined {
  if (primitives.has(given)) return { kind: 'primitive', type: given, properties: [] }
  const name = splitName(given, space)
  return known.get(name.full) ?? known.get(name.name)
}

function propertiesOf(json: Map<string, JsonTree>, reserved: ReadonlySet<string>): Properties {
  return [...json].filter(([name]) => !reserved.has(name))
}

function aliasesOf(json: Map<string, JsonTree>): string[] {
  const aliases = json.get('aliases')
  if (aliases === undefined) return []
  if (!Array.isArray(aliases)) return fail(`aliases not an array: ${writeJsonTree(json)}`)
  return [...new Set(aliases.map((alias) => (typeof alias === 'string' ? alias : fail(`alias not a string: ${writeJsonTree(alias)}`))))]
}

function buildNamed(type: NamedTree['type'], json: Map<string, JsonTree>, space: string | undefined, known: KnownTrees): NamedTree {
  const name = splitName(text(json, 'name') ?? fail(`No name in schema: ${writeJsonTree(json)}`), text(json, 'namespace') ?? space)
  if (primitives.has(name.full)) fail(`Schemas may not be named after primitives: ${name.full}`)
  if (known.has(name.full)) fail(`Can't redefine: ${name.full}`)
  const words = type === 'enum' ? new Set([...schemaWords, 'default']) : schemaWords
  const tree: NamedTree = {
    kind: 'named',
    type,
    name,
    doc: text(json, 'doc'),
    fields: [],
    symbols: [],
    default: undefined,
    size: '',
    aliases: aliasesOf(json).map((alias) => splitName(alias, name.space)),
    properties: propertiesOf(json, words),
  }
  known.set(name.full, tree)
  if (type === 'enum') {
    const symbols = json.get('symbols')
    if (!Array.isArray(symbols)) return fail(`Enum has no symbols: ${writeJsonTree(json)}`)
    for (const symbol of symbols) tree.symbols.push(checkedSymbol(symbol, tree.symbols))
    tree.default = text(json, 'default')
    if (tree.default !== undefined && !tree.symbols.includes(tree.default)) {
      fail(`The Enum Default: ${tree.default} is not in the enum symbol set: [${tree.symbols.join(', ')}]`)
    }
  } else if (type === 'fixed') {
    const size = json.get('size')
    if (!isNumber(size) || size.float) return fail(`Invalid or no size: ${writeJsonTree(json)}`)
    tree.size = size.digits
  } else {
    const fields = json.get('fields')
    if (!Array.isArray(fields)) return fail(`Record has no fields: ${writeJsonTree(json)}`)
    tree.fields = fields.map((field) => buildField(field, name.space, known))
  }
  return tree
}

function checkedSymbol(symbol: JsonTree, others: string[]): string {
  if (typeof symbol !== 'string') return fail(`Enum symbol is no text: ${writeJsonTree(symbol)}`)
  if (others.includes(symbol)) fail(`Duplicate enum symbol: ${symbol}`)
  return splitName(symbol.includes('.') ? fail(`Illegal character in: ${symbol}`) : symbol, undefined).name
}

function buildField(json: JsonTree, space: string | undefined, known: KnownTrees): SchemaField {
  if (!(json instanceof Map)) return fail(`No field name: ${writeJsonTree(json)}`)
  const name = text(json, 'name') ?? fail(`No field name: ${writeJsonTree(json)}`)
  const given = json.get('type')
  if (given === undefined) return fail(`No field type: ${writeJsonTree(json)}`)
  if (typeof given === 'string' && byName(given, space, known) === undefined) {
    const how = 'a defined name or a {"type": ...} expression.'
    fail(`${writeJsonTree(given)} is not a defined name. The type of the "${name}" field must be ${how}`)
  }
  const type = buildTree(given, space, known)
  const order = text(json, 'order')?.toLowerCase()
  let value = json.get('default')
  // Avro takes NaN, infinities and digits in quotes.
  if (typeof value === 'string' && type.kind === 'primitive' && (type.type === 'float' || type.type === 'double'))
    value = { digits: value, float: true }
  return {
    name: splitName(name.includes('.') ? fail(`Illegal character in: ${name}`) : name, undefined).name,
    type,
    doc: text(json, 'doc'),
    default: value,
    order: order === 'ascending' ? undefined : order,
    aliases: aliasesOf(json),
    properties: propertiesOf(json, fieldWords),
  }
}
