import { parseJson } from '../base/lossless-json.ts'
import { AvroDataError } from '../avro/avro-data-error.ts'
import type { BinarySource } from '../avro/binary-source.ts'
import { compilePick, type Picked, type Picker } from '../avro/compile-pick.ts'
import { type AvroSchema, AvroSchemaError } from '../avro/schema.ts'
import { eventOf, type FlattenedItem, type FlattenedNames, flattenedItems, type RecordMeaning } from './change-event.ts'

/** What of a record is looked at. */
export interface ReadableRecord {
  key: Buffer | null
  value: Buffer | null
  headers: readonly { key: Buffer; value: Buffer | null }[]
}

export interface MeaningOptions {
  /** The schema of an id in Confluent's wire format; a text says why there is none. Throws AvroSchemaError. */
  schemaOf(id: number): AvroSchema | string
  /** What flattened records keep; nothing when left out. */
  flattened?: FlattenedNames
}

/**
 * Makes a reader of change events as Debezium's PostgreSQL connector writes them: envelopes in Avro (Confluent's wire format) or JSON, with or
 * without its schema; transactions' begin and end; flattened records that have kept their source in fields or headers. It decodes no row.
 */
export function meaningReader({ schemaOf, flattened }: MeaningOptions): (record: ReadableRecord) => RecordMeaning {
  const known = new Map<number, ((bytes: Buffer) => RecordMeaning) | string>()
  const byId = (id: number) => {
    const found = known.get(id)
    if (found !== undefined) return found
    const made = avroReader(id, schemaOf, flattened)
    known.set(id, made)
    return made
  }
  return (record) => {
    const fromHeaders = flattened === undefined ? undefined : eventOf(headerValues(record, flattened))
    if (fromHeaders !== undefined) return fromHeaders
    const { value } = record
    if (value === null) return { kind: 'tombstone' }
    if (value[0] === 0 && value.length >= 5) {
      const read = byId(value.readUInt32BE(1))
      return typeof read === 'string' ? foreign(read) : read(value)
    }
    return value[0] === 0x7b ? readJsonMeaning(value, flattened) : foreign('it is neither Avro in the wire format of Confluent nor JSON')
  }
}

const foreign = (reason: string): RecordMeaning => ({ kind: 'foreign', reason })
const noSource = foreign('it has no source: it is no change event, or was flattened without add.fields or add.headers')
const envelope = ['op', 'source.name', 'source.txId', 'source.lsn', 'source.sequence', 'source.snapshot', 'source.connector']
const transaction = ['status', 'id', 'event_count']

function avroReader(
  id: number,
  schemaOf: MeaningOptions['schemaOf'],
  flattened: FlattenedNames | undefined,
): ((bytes: Buffer) => RecordMeaning) | string {
  let schema: AvroSchema | string
  try {
    schema = schemaOf(id)
  } catch (error) {
    if (!(error instanceof AvroSchemaError)) throw error
    return `schema ${id} does not parse: ${error.message}`
  }
  if (typeof schema === 'string') return schema
  const picks: [Picker | undefined, (values: Picked[]) => RecordMeaning | undefined][] = [
    [whole(schema, envelope, ['source.txId', 'source.lsn', 'source.connector']), ofEnvelope],
    [whole(schema, transaction, transaction), ofTransaction],
    [flattened && compilePick(schema, namesOf(flattened.fields)), (values) => eventOf(values)],
  ]
  const [pick, meaning] = picks.find(([picker]) => picker !== undefined) ?? []
  if (pick === undefined || meaning === undefined) return noSourceReason
  return (bytes) => {
    const source: BinarySource = { bytes, at: 5, end: bytes.length }
    const values: Picked[] = []
    try {
      pick(source, values)
    } catch (error) {
      if (!(error instanceof AvroDataError)) throw error
      return foreign(`it does not fit its schema ${id}: ${error.message}`)
    }
    return meaning(values) ?? noSource
  }
}

const noSourceReason = noSource.kind === 'foreign' ? noSource.reason : ''

/** A picker of all of `paths` when the schema has each of `needed`. */
function whole(schema: AvroSchema, paths: string[], needed: string[]): Picker | undefined {
  return needed.every((path) => compilePick(schema, [path]) !== undefined) ? compilePick(schema, paths) : undefined
}

function ofEnvelope(values: readonly unknown[]): RecordMeaning | undefined {
  const connector = values[6]
  return connector === 'postgresql' ? eventOf(values) : foreign(`it comes from a connector of ${String(connector)}`)
}

/** `571:53195829`: the xid, and a position. */
function ofTransaction([, id]: readonly unknown[]): RecordMeaning | undefined {
  const xid = typeof id === 'string' ? /^(\d{1,10}):\d+$/.exec(id)?.[1] : undefined
  return xid === undefined ? undefined : eventOf([undefined, undefined, xid])
}

/** A name that no field has where the item was not added, so that values keep their places. */
function namesOf(names: Partial<Record<FlattenedItem, string>>): string[] {
  return flattenedItems.map((item) => names[item] ?? ' ')
}

function headerValues({ headers }: ReadableRecord, { headers: names }: FlattenedNames): unknown[] {
  return flattenedItems.map((item) => {
    const name = names[item]
    const found = name === undefined ? undefined : headers.find(({ key }) => key.toString('utf8') === name)
    return found?.value == null ? undefined : headerText(found.value.toString('utf8'))
  })
}

/** As Connect's header converters write it: plain text, or JSON with its schema. */
function headerText(text: string): unknown {
  if (!text.startsWith('{')) return text
  const value = jsonOf(text)
  return isObject(value) && 'payload' in value ? value.payload : text
}

function readJsonMeaning(bytes: Buffer, flattened: FlattenedNames | undefined): RecordMeaning {
  const parsed = jsonOf(bytes.toString('utf8'))
  const value = isObject(parsed) && isObject(parsed.schema) && 'payload' in parsed ? parsed.payload : parsed
  if (!isObject(value)) return noSource
  const { source } = value
  if (isObject(source) && 'connector' in source) {
    return ofEnvelope([value.op, source.name, source.txId, source.lsn, source.sequence, source.snapshot, source.connector]) ?? noSource
  }
  if (transaction.every((name) => name in value)) return ofTransaction([value.status, value.id]) ?? noSource
  const kept = flattened && eventOf(namesOf(flattened.fields).map((name) => value[name]))
  return kept ?? noSource
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
