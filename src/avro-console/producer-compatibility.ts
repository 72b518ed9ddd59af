import type { AvroSchema, PrimitiveName } from '../avro/schema.ts'

/** Types that a reader of the key's type may find written (https://avro.apache.org/docs/1.11.1/specification/#schema-resolution). */
const promoted: Partial<Record<PrimitiveName, readonly string[]>> = {
  long: ['int'],
  float: ['int', 'long'],
  double: ['int', 'long', 'float'],
  bytes: ['string'],
  string: ['bytes'],
}

type Pairs = Map<AvroSchema, Set<AvroSchema>>

/** Whether values of `writer` can be read with `reader`: SchemaCompatibility of Avro 1.11. */
export function isReadableBy(writer: AvroSchema, reader: AvroSchema, seen: Pairs = new Map()): boolean {
  if (met(seen, writer, reader)) return true
  if (writer.type === 'union') return writer.branches.every((branch) => isReadableBy(branch, reader, seen))
  if (reader.type === 'union') return reader.branches.some((branch) => isReadableBy(writer, branch, seen))
  switch (reader.type) {
    case 'record':
      return (
        writer.type === 'record' &&
        sameName(writer, reader) &&
        reader.fields.every((field) => {
          const source = writer.fields.find(({ name }) => name === field.name || field.aliases.includes(name))
          return source === undefined ? Object.hasOwn(field, 'default') : isReadableBy(source.schema, field.schema, seen)
        })
      )
    case 'enum':
      return (
        writer.type === 'enum' &&
        sameName(writer, reader) &&
        (reader.default !== undefined || writer.symbols.every((symbol) => reader.symbols.includes(symbol)))
      )
    case 'fixed':
      return writer.type === 'fixed' && sameName(writer, reader) && writer.size === reader.size
    case 'array':
      return writer.type === 'array' && isReadableBy(writer.items, reader.items, seen)
    case 'map':
      return writer.type === 'map' && isReadableBy(writer.values, reader.values, seen)
    default:
      return writer.type === reader.type || promoted[reader.type]?.includes(writer.type) === true
  }
}

interface Named {
  name: string
  aliases: string[]
}

/** Avro 1.11 compares the names without their namespaces. */
const sameName = (writer: Named, reader: Named) => short(writer.name) === short(reader.name) || reader.aliases.includes(writer.name)
const short = (name: string) => name.slice(name.lastIndexOf('.') + 1)

/**
 * What happens when a value read with `given` is written with `writer`, field by field: `same` bytes, the number of fields of the first record
 * whose writer wants more, or undefined when the two differ otherwise.
 */
export function fieldsBeyond(given: AvroSchema, writer: AvroSchema, seen: Pairs = new Map()): 'same' | number | undefined {
  if (met(seen, given, writer)) return 'same'
  const first = (pairs: [AvroSchema, AvroSchema][]) => {
    for (const [one, other] of pairs) {
      const found = fieldsBeyond(one, other, seen)
      if (found !== 'same') return found
    }
    return 'same'
  }
  switch (given.type) {
    case 'record': {
      if (writer.type !== 'record' || writer.fields.length < given.fields.length) return undefined
      const shared = first(given.fields.map((field, index) => [field.schema, writer.fields[index]?.schema ?? field.schema]))
      return shared === 'same' && writer.fields.length > given.fields.length ? given.fields.length : shared
    }
    case 'union':
      if (writer.type !== 'union' || writer.branches.length !== given.branches.length) return undefined
      return first(given.branches.map((branch, index) => [branch, writer.branches[index] ?? branch]))
    case 'array':
      return writer.type === 'array' ? first([[given.items, writer.items]]) : undefined
    case 'map':
      return writer.type === 'map' ? first([[given.values, writer.values]]) : undefined
    case 'enum':
      return writer.type === 'enum' && writer.symbols.join() === given.symbols.join() ? 'same' : undefined
    case 'fixed':
      return writer.type === 'fixed' && writer.size === given.size ? 'same' : undefined
    default:
      return writer.type === given.type ? 'same' : undefined
  }
}

/** Records may contain themselves: a pair that is being compared counts as good. */
function met(seen: Pairs, one: AvroSchema, other: AvroSchema): boolean {
  const others = seen.get(one) ?? new Set()
  if (others.has(other)) return true
  seen.set(one, others.add(other))
  return false
}
