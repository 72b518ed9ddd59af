import { AvroDataError } from './avro-data-error.ts'
import { type BinarySource, readBlockCount, readInt, readLength, readLong, take } from './binary-source.ts'
import { convertedType } from './converted-type.ts'
import { endOfData } from './avro-data-error.ts'
import { javaDouble, javaFloat } from './java-float.ts'
import type { JsonSink } from './json-sink.ts'
import { printMap } from './print-map.ts'
import { type AvroSchema, branchName, type PrimitiveName, type RecordSchema, type UnionSchema } from './schema.ts'

/** Reads one value from the source and appends its JSON. Throws AvroDataError; what was written by then is for the caller to undo. */
export type Printer = (source: BinarySource, sink: JsonSink) => void

export interface PrinterOptions {
  /**
   * `avro.use.logical.type.converters`: values of logical types become Java objects first, which Confluent's formatter cannot print
   * (ClassCastException): every such value throws.
   */
  logicalTypes?: boolean
}

/**
 * Compiles a schema into a function that prints binary values as the Avro JSON encoding (JsonEncoder of Avro 1.11, the form of
 * kafka-avro-console-consumer 7.x). Compile once per schema: nothing is looked up per value.
 */
export function compilePrinter(schema: AvroSchema, options: PrinterOptions = {}): Printer {
  return compile(schema, { options, records: new Map(), path: '' })
}

export interface Compiling {
  options: PrinterOptions
  /** Records may contain themselves. */
  records: Map<AvroSchema, { print: Printer }>
  /** `Record.field`, for messages. */
  path: string
}

export function compile(schema: AvroSchema, compiling: Compiling): Printer {
  const converted = compiling.options.logicalTypes ? convertedType(schema) : undefined
  if (converted !== undefined) return refusing(plain(schema, compiling), schema, converted, compiling.path)
  return plain(schema, compiling)
}

function plain(schema: AvroSchema, compiling: Compiling): Printer {
  switch (schema.type) {
    case 'record':
      return recordPrinter(schema, compiling)
    case 'union':
      return unionPrinter(schema, compiling)
    case 'array':
      return arrayPrinter(compile(schema.items, compiling))
    case 'map': {
      const value = compile(schema.values, compiling)
      const java = schema.javaString === true
      return (source, sink) => printMap(source, sink, value, java)
    }
    case 'enum': {
      const texts = schema.symbols.map((symbol) => Buffer.from(`"${symbol}"`, 'latin1'))
      return (source, sink) => sink.raw(itemAt(texts, readInt(source)))
    }
    case 'fixed': {
      const { size } = schema
      return (source, sink) => {
        const from = take(source, size)
        sink.latin1Of(source.bytes, from, source.at)
      }
    }
    default:
      return primitives[schema.type]
  }
}

const [nullText, trueText, falseText] = [Buffer.from('null'), Buffer.from('true'), Buffer.from('false')]

const primitives: Record<PrimitiveName, Printer> = {
  null: (_, sink) => sink.raw(nullText),
  boolean: (source, sink) => {
    const from = take(source, 1)
    sink.raw(source.bytes[from] === 1 ? trueText : falseText)
  },
  int: (source, sink) => sink.integer(readInt(source)),
  long: (source, sink) => {
    const value = readLong(source)
    if (typeof value === 'number') sink.integer(value)
    else sink.ascii(value.toString())
  },
  float: (source, sink) => {
    const from = take(source, 4)
    numberText(sink, javaFloat(source.bytes.readFloatLE(from)))
  },
  double: (source, sink) => {
    const from = take(source, 8)
    numberText(sink, javaDouble(source.bytes.readDoubleLE(from)))
  },
  bytes: (source, sink) => {
    const from = take(source, readLength(source, 'bytes'))
    sink.latin1Of(source.bytes, from, source.at)
  },
  string: (source, sink) => {
    const from = take(source, readLength(source, 'strings'))
    sink.stringOf(source.bytes, from, source.at)
  },
}

/** Jackson quotes what is no number in JSON. */
export function numberText(sink: JsonSink, text: string): void {
  sink.ascii(text.endsWith('N') || text.endsWith('y') ? `"${text}"` : text)
}

function recordPrinter(schema: RecordSchema, compiling: Compiling): Printer {
  const known = compiling.records.get(schema)
  if (known !== undefined) return (source, sink) => known.print(source, sink)
  const entry: { print: Printer } = { print: () => {} }
  compiling.records.set(schema, entry)
  const fields = schema.fields.map(({ name, schema: type }, index) => ({
    prefix: Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`, 'utf8'),
    print: compile(type, { ...compiling, path: `${schema.name}.${name}` }),
  }))
  const empty = Buffer.from('{}')
  entry.print = (source, sink) => {
    if (fields.length === 0) return sink.raw(empty)
    for (const { prefix, print } of fields) {
      sink.raw(prefix)
      print(source, sink)
    }
    sink.byte(0x7d)
  }
  return entry.print
}

function unionPrinter(schema: UnionSchema, compiling: Compiling): Printer {
  const branches = schema.branches.map((branch) => {
    if (branch.type === 'null') return { prefix: undefined, print: primitives.null }
    const converted = compiling.options.logicalTypes ? convertedType(branch) : undefined
    const print = converted === undefined ? compile(branch, compiling) : unknownDatum(plain(branch, compiling), converted)
    return { prefix: Buffer.from(`{${JSON.stringify(branchName(branch))}:`, 'utf8'), print }
  })
  return (source, sink) => {
    const { prefix, print } = itemAt(branches, readInt(source))
    if (prefix === undefined) return print(source, sink)
    sink.raw(prefix)
    print(source, sink)
    sink.byte(0x7d)
  }
}

function arrayPrinter(item: Printer): Printer {
  return (source, sink) => {
    sink.byte(0x5b)
    let first = true
    for (let count = readBlockCount(source); count > 0; count = readBlockCount(source)) {
      for (let index = 0; index < count; index++) {
        if (!first) sink.byte(0x2c)
        first = false
        const before = source.at
        item(source, sink)
        // Items of no bytes (null, empty records) could be claimed without end.
        if (source.at === before && count - index > 0x10000000) throw endOfData()
      }
    }
    sink.byte(0x5d)
  }
}

/** Java's List.get: an index that is not there is an IndexOutOfBoundsException. */
export function itemAt<T>(items: readonly T[], index: number): T {
  const item = items[index]
  if (item !== undefined) return item
  throw new AvroDataError('java.lang.IndexOutOfBoundsException', `Index ${index} out of bounds for length ${items.length}`)
}

/** Reads a value, and fails as GenericDatumWriter does with the Java object it has become. */
function refusing(read: Printer, schema: AvroSchema, javaType: string, path: string): Printer {
  return (source, sink) => {
    read(source, sink)
    const where = path === '' ? '' : ` at ${path}`
    throw new AvroDataError(
      'java.lang.ClassCastException',
      `value (a ${javaType}) cannot be cast to expected type ${branchName(schema)}${where}`,
      'print',
    )
  }
}

function unknownDatum(read: Printer, javaType: string): Printer {
  return (source, sink) => {
    read(source, sink)
    throw new AvroDataError('org.apache.avro.AvroRuntimeException', `Unknown datum type ${javaType}`, 'print')
  }
}
