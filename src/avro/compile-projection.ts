import { AvroDataError } from './avro-data-error.ts'
import { type BinarySource, readBlockCount, readInt, readLength, readLong, take } from './binary-source.ts'
import { compilePrinter, itemAt, numberText, type Printer } from './compile-printer.ts'
import { defaultText } from './default-text.ts'
import { javaDouble, javaFloat } from './java-float.ts'
import type { JsonSink } from './json-sink.ts'
import { printMap } from './print-map.ts'
import { type AvroSchema, branchName, type EnumSchema, type PrimitiveName, type RecordSchema } from './schema.ts'

/**
 * Compiles a printer that reads what `writer` wrote and prints it as `reader` sees it: fields by name or alias in the reader's order, defaults for
 * missing ones, promoted numbers (https://avro.apache.org/docs/1.11.1/specification/#schema-resolution). Throws AvroDataError where the two do not fit.
 */
export function compileProjection(writer: AvroSchema, reader: AvroSchema): Printer {
  return project(writer, reader, [])
}

/** Pairs of records under way, for types that contain themselves. */
type Known = { writer: AvroSchema; reader: AvroSchema; entry: { print: Printer } }[]

function project(writer: AvroSchema, reader: AvroSchema, known: Known): Printer {
  if (writer.type === 'union') {
    const branches = writer.branches.map((branch) => orFailing(() => project(branch, reader, known)))
    return (source, sink) => itemAt(branches, readInt(source))(source, sink)
  }
  if (reader.type === 'union') return intoUnion(writer, reader.branches, known)
  if (writer.type === 'record' && reader.type === 'record' && sameName(writer, reader)) return projectRecord(writer, reader, known)
  if (writer.type === 'enum' && reader.type === 'enum' && sameName(writer, reader)) return projectEnum(writer, reader)
  if (writer.type === 'fixed' && reader.type === 'fixed' && sameName(writer, reader) && writer.size === reader.size) return compilePrinter(writer)
  if (writer.type === 'array' && reader.type === 'array') return projectArray(project(writer.items, reader.items, known))
  if (writer.type === 'map' && reader.type === 'map') {
    const value = project(writer.values, reader.values, known)
    const java = reader.javaString === true
    return (source, sink) => void printMap(source, sink, value, java)
  }
  const promoted = writer.type === reader.type && !('name' in writer) ? compilePrinter(writer) : promotions[`${writer.type} ${reader.type}`]
  if (promoted === undefined) throw mismatch(writer, reader)
  return promoted
}

/** A branch of the writer that the reader lacks fails only when a value of it comes. */
function orFailing(compile: () => Printer): Printer {
  try {
    return compile()
  } catch (error) {
    if (!(error instanceof AvroDataError)) throw error
    return () => {
      throw error
    }
  }
}

function intoUnion(writer: AvroSchema, branches: AvroSchema[], known: Known): Printer {
  const alike = branches.find((branch) => branch.type === writer.type && (!('name' in branch) || branch.name === branchName(writer)))
  for (const branch of alike === undefined ? branches : [alike, ...branches]) {
    let print: Printer
    try {
      print = project(writer, branch, known)
    } catch (error) {
      if (error instanceof AvroDataError) continue
      throw error
    }
    if (branch.type === 'null') return print
    const prefix = Buffer.from(`{${JSON.stringify(branchName(branch))}:`, 'utf8')
    return (source, sink) => {
      sink.raw(prefix)
      print(source, sink)
      sink.byte(0x7d)
    }
  }
  throw mismatch(writer, { type: 'union', branches })
}

function projectRecord(writer: RecordSchema, reader: RecordSchema, known: Known): Printer {
  const earlier = known.find((pair) => pair.writer === writer && pair.reader === reader)
  if (earlier !== undefined) return (source, sink) => earlier.entry.print(source, sink)
  const entry: { print: Printer } = { print: () => {} }
  const pairs = [...known, { writer, reader, entry }]
  const place = new Map<string, number>()
  for (const [index, { name, aliases }] of reader.fields.entries()) for (const any of [name, ...aliases]) if (!place.has(any)) place.set(any, index)
  const steps = writer.fields.map(({ name, schema }) => {
    const index = place.get(name)
    const field = index === undefined ? undefined : reader.fields[index]
    return { index, print: field === undefined ? compilePrinter(schema) : project(schema, field.schema, pairs) }
  })
  const given = new Set(steps.map(({ index }) => index))
  const prefixes = reader.fields.map(({ name }, index) => Buffer.from(`${index === 0 ? '' : ','}${JSON.stringify(name)}:`, 'utf8'))
  const defaults = reader.fields.map((field, index) => {
    if (given.has(index)) return undefined
    if (Object.hasOwn(field, 'default')) return Buffer.from(defaultText(field.schema, field.default), 'utf8')
    throw new AvroDataError(
      'org.apache.avro.AvroTypeException',
      `Found ${writer.name}, expecting ${reader.name}, missing required field ${field.name}`,
    )
  })
  entry.print = (source, sink) => {
    sink.byte(0x7b)
    const start = sink.at
    const ranges: [number, number][] = []
    for (const { index, print } of steps) {
      const from = sink.at
      print(source, sink)
      if (index === undefined) sink.at = from
      else ranges[index] = [from - start, sink.at - start]
    }
    const texts = Buffer.from(sink.bytes.subarray(start, sink.at))
    sink.at = start
    for (const [index, prefix] of prefixes.entries()) {
      sink.raw(prefix)
      const range = ranges[index]
      if (range === undefined) sink.raw(defaults[index] ?? Buffer.alloc(0))
      else sink.raw(texts, range[0], range[1])
    }
    sink.byte(0x7d)
  }
  return entry.print
}

function projectEnum(writer: EnumSchema, reader: EnumSchema): Printer {
  const texts = writer.symbols.map((symbol) => {
    const known = reader.symbols.includes(symbol) ? symbol : reader.default
    return known === undefined ? symbol : Buffer.from(JSON.stringify(known), 'utf8')
  })
  return (source, sink) => {
    const text = itemAt(texts, readInt(source))
    if (typeof text === 'string') throw new AvroDataError('org.apache.avro.AvroTypeException', `No match for ${text}`)
    sink.raw(text)
  }
}

function projectArray(item: Printer): Printer {
  return (source, sink) => {
    sink.byte(0x5b)
    let first = true
    for (let count = readBlockCount(source); count > 0; count = readBlockCount(source)) {
      for (let index = 0; index < count; index++) {
        if (!first) sink.byte(0x2c)
        first = false
        item(source, sink)
      }
    }
    sink.byte(0x5d)
  }
}

const bytesAs = (write: (sink: JsonSink, source: BinarySource, from: number) => void, what: 'bytes' | 'strings'): Printer => {
  return (source, sink) => {
    const from = take(source, readLength(source, what))
    write(sink, source, from)
  }
}

/** `writer reader` → how a value of the one prints as the other. */
const promotions: Partial<Record<`${AvroSchema['type']} ${PrimitiveName | AvroSchema['type']}`, Printer>> = {
  'int long': (source, sink) => sink.integer(readInt(source)),
  'int float': (source, sink) => numberText(sink, javaFloat(Math.fround(readInt(source)))),
  'int double': (source, sink) => numberText(sink, javaDouble(readInt(source))),
  'long float': (source, sink) => numberText(sink, javaFloat(Math.fround(Number(readLong(source))))),
  'long double': (source, sink) => numberText(sink, javaDouble(Number(readLong(source)))),
  'float double': (source, sink) => {
    const from = take(source, 4)
    numberText(sink, javaDouble(source.bytes.readFloatLE(from)))
  },
  'string bytes': bytesAs((sink, source, from) => sink.latin1Of(source.bytes, from, source.at), 'strings'),
  'bytes string': bytesAs((sink, source, from) => sink.stringOf(source.bytes, from, source.at), 'bytes'),
}

/** The same full name, or an alias of the reader's. */
function sameName(writer: { name: string }, reader: { name: string; aliases: string[] }): boolean {
  return writer.name === reader.name || reader.aliases.includes(writer.name)
}

function mismatch(writer: AvroSchema, reader: AvroSchema): AvroDataError {
  return new AvroDataError('org.apache.avro.AvroTypeException', `Found ${branchName(writer)}, expecting ${branchName(reader)}`)
}
