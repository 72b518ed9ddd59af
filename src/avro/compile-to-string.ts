import { type BinarySource, readBlockCount, readInt, readLength, readLong, take } from './binary-source.ts'
import { itemAt } from './compile-printer.ts'
import { hashOrder, stringHash, utf8Hash } from './hash-order.ts'
import { javaDouble, javaFloat } from './java-float.ts'
import { javaUtf8 } from './java-utf8.ts'
import type { AvroSchema } from './schema.ts'

/** Reads one value as the text that `toString` of Avro's Java object gives: `{"id": 7}`, with blanks, unions bare. */
export type ToText = (source: BinarySource) => string

/** GenericData.toString of Avro 1.11; a string, number or enum at the top prints bare. */
export function compileToString(schema: AvroSchema): ToText {
  const inner = compile(schema, new Map())
  if (schema.type === 'union') {
    const branches = schema.branches.map(compileToString)
    return (source) => itemAt(branches, readInt(source))(source)
  }
  if (schema.type === 'string') return bareString
  if (schema.type === 'enum') return (source) => itemAt(schema.symbols, readInt(source))
  if (schema.type === 'float') return readFloat
  if (schema.type === 'double') return readDouble
  return inner
}

function compile(schema: AvroSchema, records: Map<AvroSchema, { text: ToText }>): ToText {
  switch (schema.type) {
    case 'null':
      return () => 'null'
    case 'boolean':
      return (source) => String(source.bytes[take(source, 1)] === 1)
    case 'int':
      return (source) => String(readInt(source))
    case 'long':
      return (source) => readLong(source).toString()
    case 'float':
      return (source) => quotedUnlessFinite(readFloat(source))
    case 'double':
      return (source) => quotedUnlessFinite(readDouble(source))
    case 'string':
      return (source) => `"${escaped(bareString(source))}"`
    case 'bytes':
      return (source) => {
        const from = take(source, readLength(source, 'bytes'))
        return `"${escaped(source.bytes.toString('latin1', from, source.at))}"`
      }
    case 'fixed':
      return (source) => {
        const from = take(source, schema.size)
        return `[${[...new Int8Array(source.bytes.subarray(from, source.at))].join(', ')}]`
      }
    case 'enum':
      return (source) => `"${itemAt(schema.symbols, readInt(source))}"`
    case 'union': {
      const branches = schema.branches.map((branch) => compile(branch, records))
      return (source) => itemAt(branches, readInt(source))(source)
    }
    case 'array': {
      const item = compile(schema.items, records)
      return (source) => `[${blocks(source, () => item(source)).items.join(', ')}]`
    }
    case 'map':
      return mapText(compile(schema.values, records), schema.javaString === true)
    case 'record': {
      const known = records.get(schema)
      if (known !== undefined) return (source) => known.text(source)
      const entry: { text: ToText } = { text: () => '' }
      records.set(schema, entry)
      const fields = schema.fields.map(({ name, schema: type }) => ({ name, text: compile(type, records) }))
      entry.text = (source) => `{${fields.map(({ name, text }) => `"${name}": ${text(source)}`).join(', ')}}`
      return entry.text
    }
  }
}

function mapText(value: ToText, java: boolean): ToText {
  return (source) => {
    const places = new Map<string, number>()
    const entries: { hash: number; text: string }[] = []
    const { first } = blocks(source, () => {
      const from = take(source, readLength(source, 'strings'))
      const key = javaUtf8(source.bytes.subarray(from, source.at))
      const hash = java ? stringHash(key) : utf8Hash(source.bytes, from, source.at)
      const place = places.get(key) ?? entries.length
      places.set(key, place)
      entries[place] = { hash, text: `"${escaped(key)}": ${value(source)}` }
    })
    const order = hashOrder(
      entries.map(({ hash }) => hash),
      first,
    )
    return `{${order.map((place) => entries[place]?.text ?? '').join(', ')}}`
  }
}

function blocks<T>(source: BinarySource, read: () => T): { items: T[]; first: number } {
  const items: T[] = []
  const first = readBlockCount(source)
  for (let count = first; count > 0; count = readBlockCount(source)) for (let index = 0; index < count; index++) items.push(read())
  return { items, first }
}

const bareString: ToText = (source) => {
  const from = take(source, readLength(source, 'strings'))
  return javaUtf8(source.bytes.subarray(from, source.at))
}

const readFloat: ToText = (source) => javaFloat(source.bytes.readFloatLE(take(source, 4)))
const readDouble: ToText = (source) => javaDouble(source.bytes.readDoubleLE(take(source, 8)))
const quotedUnlessFinite = (text: string) => (/[Ny]$/.test(text) ? `"${text}"` : text)

const letters: Record<string, string> = { '"': '\\"', '\\': '\\\\', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** GenericData.writeEscapedString: also the C1 controls and U+2000 to U+20FF are escaped. */
function escaped(text: string): string {
  return text.replaceAll(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is escaped
    /["\\\u0000-\u001f\u007f-\u009f\u2000-\u20ff]/g,
    (character) => letters[character] ?? `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`,
  )
}
