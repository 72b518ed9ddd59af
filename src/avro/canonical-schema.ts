import { type JsonTree, parseJsonTree, writeJsonString, writeJsonTree } from './canonical-schema-json.ts'
import {
  buildTree,
  type KnownTrees,
  type NamedTree,
  type Properties,
  type SchemaField,
  type SchemaTree,
  type SplitName,
} from './canonical-schema-tree.ts'
import { AvroSchemaError } from './schema.ts'

/**
 * The text of a schema as Avro 1.11's Schema.toString writes it, which is what Confluent's client registers: attributes in its order, own
 * properties kept, `{"type":"string"}` shortened, names shortened inside their namespace. `referenced`: the texts of the schemas that it refers
 * to, in an order in which they can be parsed; their types are named, not written. Throws AvroSchemaError or JsonReadFailure with Java's words.
 */
export function canonicalSchema(text: string, referenced: readonly string[] = []): string {
  const known: KnownTrees = new Map()
  const written: Written = { types: new Set(), space: undefined }
  for (const reference of referenced) {
    const tree = parseTree(reference, known)
    if (tree.kind === 'named') written.types.add(tree)
  }
  return write(parseTree(text, known), written)
}

/** The same with every type that it refers to written out where it is met first: a text that needs no other. */
export function wholeSchema(text: string, referenced: readonly string[]): string {
  const known: KnownTrees = new Map()
  for (const reference of referenced) parseTree(reference, known)
  return write(parseTree(text, known), { types: new Set(), space: undefined })
}

function parseTree(text: string, known: KnownTrees): SchemaTree {
  const json = parseJsonTree(text)
  if (json === undefined) throw new AvroSchemaError('Cannot parse <null> schema')
  return buildTree(json, undefined, known)
}

interface Written {
  types: Set<NamedTree>
  /** Namespace of the type that encloses what is written. */
  space: string | undefined
}

type Member = [name: string, json: string]

const object = (members: Member[]): string => `{${members.map(([name, json]) => `${writeJsonString(name)}:${json}`).join(',')}}`
const list = (items: string[]): string => `[${items.join(',')}]`
const written = (properties: Properties): Member[] => properties.map(([name, value]: [string, JsonTree]) => [name, writeJsonTree(value)])
const optional = (name: string, value: string | undefined): Member[] => (value === undefined ? [] : [[name, writeJsonString(value)]])

function write(tree: SchemaTree, state: Written): string {
  switch (tree.kind) {
    case 'primitive':
      if (tree.properties.length === 0) return writeJsonString(tree.type)
      return object([['type', writeJsonString(tree.type)], ...written(tree.properties)])
    case 'array':
    case 'map': {
      const inner: Member = [tree.kind === 'array' ? 'items' : 'values', write(tree.inner, state)]
      return object([['type', writeJsonString(tree.kind)], inner, ...written(tree.properties)])
    }
    case 'union':
      return list(tree.branches.map((branch) => write(branch, state)))
    case 'named':
      return writeNamed(tree, state)
  }
}

/** The short name where the surrounding namespace is the same; not for a type that is called like one of Avro's own. */
function qualified(name: SplitName, space: string | undefined): string {
  return name.space === space && !ownNames.has(name.name) ? name.name : name.full
}

const ownNames = new Set('record enum array map union fixed string bytes int long float double boolean null'.split(' '))

function writeNamed(tree: NamedTree, state: Written): string {
  if (state.types.has(tree)) return writeJsonString(qualified(tree.name, state.space))
  state.types.add(tree)
  const { name, space } = tree.name
  const members: Member[] = [
    ['type', writeJsonString(tree.type)],
    ['name', writeJsonString(name)],
  ]
  if (space !== state.space) members.push(['namespace', writeJsonString(space ?? '')])
  members.push(...optional('doc', tree.doc))
  if (tree.type === 'enum') {
    members.push(['symbols', list(tree.symbols.map(writeJsonString))], ...optional('default', tree.default))
  } else if (tree.type === 'fixed') {
    members.push(['size', tree.size])
  } else {
    const outer = state.space
    state.space = space
    members.push(['fields', list(tree.fields.map((field) => writeField(field, state)))])
    state.space = outer
  }
  members.push(...written(tree.properties))
  if (tree.aliases.length > 0) members.push(['aliases', list(tree.aliases.map((alias) => writeJsonString(qualified(alias, space))))])
  return object(members)
}

function writeField(field: SchemaField, state: Written): string {
  const members: Member[] = [['name', writeJsonString(field.name)], ['type', write(field.type, state)], ...optional('doc', field.doc)]
  if (field.default !== undefined) members.push(['default', writeJsonTree(field.default)])
  members.push(...optional('order', field.order))
  if (field.aliases.length > 0) members.push(['aliases', list(field.aliases.map(writeJsonString))])
  return object([...members, ...written(field.properties)])
}
