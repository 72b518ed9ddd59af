import { hashOrder, stringHash, utf8Hash } from './hash-order.ts'
import { JsonReadFailure, typeFailure } from './read-json-failure.ts'
import { doubleOf, floatOf, intOf, longOf } from './read-json-numbers.ts'
import {
  bytesOfText,
  insertCount,
  newSink,
  putByte,
  putBytes,
  putDouble,
  putFloat,
  putInt,
  putLong,
  putString,
  type Sink,
  utf8OfText,
} from './read-json-sink.ts'
import { chooseField, closeField, closeRecord, closeUnion, expected, openRecord, type ReadState, ready, type Step } from './read-json-state.ts'
import { advance, numberOf, openTokens, textOf, tokenOf } from './read-json-tokens.ts'
import { type AvroSchema, branchName, type MapSchema, type RecordSchema, type UnionSchema } from './schema.ts'

/** Reads one value of the schema it was made for, and writes it. */
type ReadValue = (state: ReadState) => void

/**
 * Appends the Avro binary form of one JSON text to `sink`, and says whether the value is anything but null at the top level. Text behind the
 * value is not looked at. Throws JsonReadFailure; then `sink` holds part of the value.
 */
export type JsonReader = (text: string, sink: Sink) => boolean

/**
 * A reader of Avro's JSON encoding for one schema, as Avro 1.11.5 with Jackson 2.18 reads and writes it again: fields in any order, extra
 * ones ignored, numbers cut to fit, maps in the order of a Java HashMap. `bytes` at the top level are written without their length.
 */
export function compileJsonReader(schema: AvroSchema): JsonReader {
  const read = compile(schema, new Map())
  const top = schema.type === 'bytes' ? readRawBytes : read
  return (text, sink) => {
    const json = openTokens(text)
    const state: ReadState = { json, sink, pending: [], saved: undefined, outer: [], begun: false }
    advance(json)
    const from = sink.at
    top(state)
    return !(schema.type === 'null' || (schema.type === 'union' && schema.branches[(sink.bytes[from] ?? 0) >> 1]?.type === 'null'))
  }
}

function compile(schema: AvroSchema, made: Map<AvroSchema, ReadValue>): ReadValue {
  switch (schema.type) {
    case 'record':
      return compileRecord(schema, made)
    case 'union':
      return compileUnion(schema, made)
    case 'array':
      return compileArray(compile(schema.items, made))
    case 'map':
      return compileMap(schema, compile(schema.values, made))
    case 'enum':
      return readEnum(schema.symbols)
    case 'fixed':
      return readFixed(schema.size)
    default:
      return primitives[schema.type]
  }
}

const readNumber =
  (name: string, put: (state: ReadState, digits: string, float: boolean) => void): ReadValue =>
  (state) => {
    ready(state)
    const { current } = state.json
    if (current !== 'VALUE_NUMBER_INT' && current !== 'VALUE_NUMBER_FLOAT') {
      if (current === undefined) throw new JsonReadFailure('java.lang.NullPointerException', undefined)
      throw expected(name, state)
    }
    put(state, numberOf(state.json), current === 'VALUE_NUMBER_FLOAT')
    advance(state.json)
  }

const endOf = ({ json }: ReadState) => (json.again ? undefined : json.at)

const certainlyInt = 9

const primitives: Record<'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string', ReadValue> = {
  null: (state) => {
    ready(state)
    if (state.json.current !== 'VALUE_NULL') throw expected('null', state)
    advance(state.json)
  },
  boolean: (state) => {
    ready(state)
    const { current } = state.json
    if (current !== 'VALUE_TRUE' && current !== 'VALUE_FALSE') throw expected('boolean', state)
    advance(state.json)
    putByte(state.sink, current === 'VALUE_TRUE' ? 1 : 0)
  },
  int: readNumber('int', (state, digits) => putInt(state.sink, intOf(digits, endOf(state)))),
  long: readNumber('long', (state, digits, float) => {
    if (!float && digits.length <= certainlyInt) putInt(state.sink, Number(digits))
    else putLong(state.sink, longOf(digits, float, endOf(state)))
  }),
  float: readNumber('float', (state, digits, float) => putFloat(state.sink, state.json.again ? doubleOf(digits, float) : floatOf(digits, float))),
  double: readNumber('double', (state, digits, float) => putDouble(state.sink, doubleOf(digits, float))),
  string: (state) => putString(state.sink, readText(state, 'string')),
  bytes: (state) => {
    const bytes = bytesOfText(readText(state, 'bytes'))
    putInt(state.sink, bytes.length)
    putBytes(state.sink, bytes)
  },
}

const readRawBytes: ReadValue = (state) => putBytes(state.sink, bytesOfText(readText(state, 'bytes')))

/** The text of a JSON string; moves on. */
function readText(state: ReadState, what: string): string {
  ready(state)
  if (state.json.current !== 'VALUE_STRING') throw expected(what, state)
  const text = textOf(state.json)
  advance(state.json)
  return text
}

function readEnum(symbols: readonly string[]): ReadValue {
  const places = new Map(symbols.map((symbol, index) => [symbol, index]))
  return (state) => {
    ready(state)
    // Avro says "fixed" here.
    if (state.json.current !== 'VALUE_STRING') throw expected('fixed', state)
    const symbol = textOf(state.json)
    const place = places.get(symbol)
    if (place === undefined) throw typeFailure(`Unknown symbol in enum ${symbol}`)
    advance(state.json)
    putInt(state.sink, place)
  }
}

function readFixed(size: number): ReadValue {
  return (state) => {
    const bytes = bytesOfText(readText(state, 'fixed'))
    if (bytes.length !== size) throw typeFailure(`Expected fixed length ${size}, but got${bytes.length}`)
    putBytes(state.sink, bytes)
  }
}

function compileRecord(schema: RecordSchema, made: Map<AvroSchema, ReadValue>): ReadValue {
  const known = made.get(schema)
  if (known !== undefined) return known
  const fields: { choose: Step; read: ReadValue }[] = []
  const read: ReadValue = (state) => {
    const { pending } = state
    pending.push(openRecord)
    for (const field of fields) {
      pending.push(field.choose)
      field.read(state)
      pending.push(closeField)
    }
    pending.push(closeRecord)
  }
  // Known before its fields are compiled: a record may contain itself.
  made.set(schema, read)
  for (const field of schema.fields) fields.push({ choose: chooseField(field.name, field.aliases), read: compile(field.schema, made) })
  return read
}

function compileUnion(schema: UnionSchema, made: Map<AvroSchema, ReadValue>): ReadValue {
  const branches = new Map(schema.branches.map((branch, index) => [branchName(branch), { index, read: compile(branch, made) }]))
  const branch = (label: string) => {
    const found = branches.get(label)
    if (found === undefined) throw typeFailure(`Unknown union branch ${label}`)
    return found
  }
  return (state) => {
    ready(state)
    const { json } = state
    if (json.current === 'VALUE_NULL') {
      const { index, read } = branch('null')
      putInt(state.sink, index)
      read(state)
      return
    }
    if (json.current !== 'START_OBJECT' || advance(json) !== 'FIELD_NAME') throw expected('start-union', state)
    const label = json.name
    advance(json)
    const { index, read } = branch(label)
    putInt(state.sink, index)
    read(state)
    state.pending.push(closeUnion)
  }
}

function compileArray(items: ReadValue): ReadValue {
  return (state) => {
    ready(state)
    if (state.json.current !== 'START_ARRAY') throw expected('array-start', state)
    advance(state.json)
    const { sink } = state
    const from = sink.at
    let count = 0
    while (tokenOf(state.json) !== 'END_ARRAY') {
      items(state)
      ready(state)
      count++
    }
    advance(state.json)
    if (count > 0) insertCount(sink, from, count)
    putByte(sink, 0)
  }
}

function compileMap(schema: MapSchema, values: ReadValue): ReadValue {
  return (state) => {
    ready(state)
    if (state.json.current !== 'START_OBJECT') throw expected('map-start', state)
    advance(state.json)
    const { sink } = state
    const start = sink.at
    const entries = new Map<string, Piece>()
    let count = 0
    while (tokenOf(state.json) !== 'END_OBJECT') {
      if (tokenOf(state.json) !== 'FIELD_NAME') throw expected('map-key', state)
      const key = state.json.name
      advance(state.json)
      const from = sink.at
      putString(sink, key)
      values(state)
      ready(state)
      entries.set(key, { from, to: sink.at })
      count++
    }
    advance(state.json)
    if (count > 1) reorder(sink, start, entries, schema.javaString === true)
    if (count > 0) insertCount(sink, start, entries.size)
    putByte(sink, 0)
  }
}

interface Piece {
  from: number
  to: number
}

/** Puts the entries of a map, written from `start` on, into the order of the HashMap that Avro reads them into, made for one entry. */
function reorder(sink: Sink, start: number, entries: Map<string, Piece>, javaString: boolean): void {
  const pieces = [...entries.values()]
  const hashes = [...entries.keys()].map((key) => (javaString ? stringHash(key) : hashOfKey(key)))
  const copy = newSink(sink.at - start)
  for (const index of hashOrder(hashes, 1)) {
    const piece = pieces[index]
    if (piece !== undefined) putBytes(copy, sink.bytes.subarray(piece.from, piece.to))
  }
  sink.at = start
  putBytes(sink, copy.bytes.subarray(0, copy.at))
}

function hashOfKey(key: string): number {
  const bytes = utf8OfText(key)
  return utf8Hash(bytes, 0, bytes.length)
}
