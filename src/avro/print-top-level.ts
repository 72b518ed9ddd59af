import { AvroDataError } from './avro-data-error.ts'
import { type BinarySource, readInt } from './binary-source.ts'
import { type Compiling, compile, itemAt, type Printer, type PrinterOptions } from './compile-printer.ts'
import { convertedType } from './converted-type.ts'
import type { JsonSink } from './json-sink.ts'
import { printMap } from './print-map.ts'
import { type AvroSchema, branchName } from './schema.ts'

export interface TopLevelOptions extends PrinterOptions {
  /**
   * What Confluent's formatter of 7.x loses at the top level is lost here too: all values of a map whose first is null, dates and timestamps
   * with `logicalTypes`. Otherwise they are printed by their schema.
   */
  lossy?: boolean
}

/**
 * Prints a message's value as Confluent's formatter does. It guesses a schema from the Java object instead of taking the writer's: union values
 * print without their branch, null has no schema at all, a map is printed by its first value, a record without fields as nothing.
 */
export function compileTopLevel(schema: AvroSchema, options: TopLevelOptions = {}): Printer {
  const compiling: Compiling = { options, records: new Map(), path: '' }
  if (schema.type === 'bytes') return raw
  if (schema.type === 'record' && schema.fields.length === 0) return () => {}
  const { print } = guessed(schema, compiling, options.lossy === true)
  return (source, sink) => {
    if (print(source, sink) === nothing) throw nullDatum()
  }
}

/** Prints a value and tells what Java would guess as its schema. */
interface Guessed {
  print(source: BinarySource, sink: JsonSink): string
  /** Prints by the declared schema, for maps that no guess would print whole. */
  declared: Printer
}

/** The guess for a null, and for the values of an empty map. */
const [nothing, anything] = ['null', '*']

function guessed(schema: AvroSchema, compiling: Compiling, lossy: boolean): Guessed {
  if (schema.type === 'union') {
    const branches = schema.branches.map((branch) => guessed(branch, compiling, lossy))
    return { print: (source, sink) => itemAt(branches, readInt(source)).print(source, sink), declared: compile(schema, compiling) }
  }
  if (schema.type === 'map') {
    const value = guessed(schema.values, compiling, lossy)
    const java = schema.javaString === true
    return { print: (source, sink) => guessedMap({ source, sink, value, java, lossy }), declared: compile(schema, compiling) }
  }
  const date =
    compiling.options.logicalTypes === true && /^(date|(local-)?time)/.test(schema.logicalType ?? '') && convertedType(schema) !== undefined
  // A top-level value is no field: the formatter prints it without asking what it stands for.
  const print = compile(schema, schema.type === 'record' || schema.type === 'array' ? compiling : { ...compiling, options: {} })
  const guess = schema.type === 'array' ? `array ${JSON.stringify(branchName(schema.items))}` : branchName(schema)
  return {
    declared: print,
    print(source, sink) {
      const from = sink.at
      print(source, sink)
      if (date && lossy) sink.at = from
      return guess
    },
  }
}

interface GuessedMap {
  source: BinarySource
  sink: JsonSink
  value: Guessed
  java: boolean
  lossy: boolean
}

/** A map as the formatter prints it: by the guess for its first value, first in the order of the HashMap. */
function guessedMap({ source, sink, value, java, lossy }: GuessedMap): string {
  const [from, at] = [sink.at, source.at]
  const guesses: string[] = []
  const print = (input: BinarySource, output: JsonSink, entry: number) => {
    guesses[entry] = value.print(input, output)
  }
  const { order } = printMap(source, sink, print, java)
  const [first] = order
  if (first === undefined) return `map ${anything}`
  const guess = guesses[first] ?? nothing
  if (guess === nothing && guesses.some((other) => other !== nothing)) {
    sink.at = from
    source.at = at
    printMap(source, sink, lossy ? asNull(value.declared) : value.declared, java)
    return `map ${nothing}`
  }
  const other = guesses.find((candidate) => candidate !== guess && !(guess.startsWith('map') && candidate === `map ${anything}`))
  if (other === nothing) {
    throw new AvroDataError('java.lang.NullPointerException', `null value for (non-nullable) ${guess} in map`, 'print')
  }
  if (other !== undefined) {
    throw new AvroDataError(
      'java.lang.ClassCastException',
      `a value of type ${other} cannot be printed as ${guess}, the type of the map's first`,
      'print',
    )
  }
  return `map ${guess}`
}

const nullText = Buffer.from('null')

function asNull(read: Printer): Printer {
  return (source, sink) => {
    const from = sink.at
    read(source, sink)
    sink.at = from
    sink.raw(nullText)
  }
}

/** A payload of schema "bytes" has no length in front: it is the whole rest of the message. */
const raw: Printer = (source, sink) => {
  sink.latin1Of(source.bytes, source.at, source.end)
  source.at = source.end
}

function nullDatum(): AvroDataError {
  const own = 'io.confluent.kafka.schemaregistry.avro.AvroSchemaUtils$NameAwareGenericData'
  const other = 'org.apache.avro.reflect.ReflectData'
  return new AvroDataError(
    'java.lang.ClassCastException',
    `class ${own} cannot be cast to class ${other} (${own} and ${other} are in unnamed module of loader 'app')`,
    'print',
  )
}
