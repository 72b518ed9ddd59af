import type { JsonSink } from '../avro/json-sink.ts'
import type { AvroValues } from './avro-values.ts'
import { schemaIdOf } from './avro-values.ts'
import type { Deserializer } from './deserializers.ts'
import type { ReadRecord } from './record-log.ts'

/** What one line holds, in this order: timestamp, partition, offset, headers, key (+ id), value (+ id). */
export interface FormatterSettings {
  timestamp: boolean
  partition: boolean
  offset: boolean
  headers: boolean
  key: boolean
  /** Ids behind the value, and behind the key when that is Avro. */
  valueIds: boolean
  keyIds: boolean
  keySeparator: Buffer
  lineSeparator: Buffer
  headersSeparator: Buffer
  idSeparator: Buffer
  nullLiteral: Buffer
  /** Undefined: the key is Avro. */
  keyDeserializer: Deserializer | undefined
  /** Undefined: header values print as the null literal. */
  headersDeserializer: Deserializer | undefined
}

export interface RecordValues {
  /** By topic: subjects differ. */
  keys(topic: string): AvroValues
  values(topic: string): AvroValues
}

/**
 * Appends one record as SchemaMessageFormatter 7.6 writes it. Gives a promise only while a schema has to be fetched. When it throws, what was
 * whole by then (prefixes, key) is in the sink and a half value is not: the caller keeps or drops it.
 */
export function createRecordFormatter(
  settings: FormatterSettings,
  schemas: RecordValues,
): (record: ReadRecord, sink: JsonSink) => Promise<void> | undefined {
  const finish = (record: ReadRecord, sink: JsonSink): Promise<void> | undefined => {
    const written = writeAvro(schemas.values(record.topic), record.value, settings.nullLiteral, sink)
    const end = (): undefined => {
      if (settings.valueIds) {
        sink.raw(settings.idSeparator)
        sink.ascii(record.value === null ? 'null' : String(schemaIdOf(record.value)))
      }
      sink.raw(settings.lineSeparator)
    }
    return written === undefined ? end() : written.then(end)
  }
  if (!settings.timestamp && !settings.partition && !settings.offset && !settings.headers && !settings.key) return finish
  return (record, sink) => {
    writePrefixes(settings, record, sink)
    if (!settings.key) return finish(record, sink)
    const written = writeKey(settings, schemas, record, sink)
    const end = () => {
      if (settings.keyIds) {
        sink.raw(settings.idSeparator)
        if (record.key === null) sink.raw(settings.nullLiteral)
        else sink.ascii(String(schemaIdOf(record.key)))
      }
      sink.raw(settings.keySeparator)
      return finish(record, sink)
    }
    return written === undefined ? end() : written.then(end)
  }
}

function writePrefixes(settings: FormatterSettings, record: ReadRecord, sink: JsonSink): void {
  const { keySeparator } = settings
  if (settings.timestamp) {
    sink.ascii(`${record.logAppendTime ? 'LogAppendTime' : 'CreateTime'}:${record.timestamp}`)
    sink.raw(keySeparator)
  }
  if (settings.partition) {
    sink.ascii(`Partition:${record.partition}`)
    sink.raw(keySeparator)
  }
  if (settings.offset) {
    sink.ascii(`Offset:${record.offset}`)
    sink.raw(keySeparator)
  }
  if (settings.headers) {
    writeHeaders(settings, record, sink)
    sink.raw(keySeparator)
  }
}

function writeHeaders(settings: FormatterSettings, { headers }: ReadRecord, sink: JsonSink): void {
  if (headers.length === 0) sink.ascii('NO_HEADERS')
  for (const [index, { key, value }] of headers.entries()) {
    if (index > 0) sink.raw(settings.headersSeparator)
    sink.raw(key)
    sink.byte(0x3a)
    if (value === null || settings.headersDeserializer === undefined) sink.raw(settings.nullLiteral)
    else writeText(settings.headersDeserializer(value), sink)
  }
}

function writeKey(settings: FormatterSettings, schemas: RecordValues, record: ReadRecord, sink: JsonSink): Promise<void> | undefined {
  const { key, topic } = record
  if (settings.keyDeserializer === undefined) return writeAvro(schemas.keys(topic), key, settings.nullLiteral, sink)
  if (key === null) sink.raw(settings.nullLiteral)
  else writeText(settings.keyDeserializer(key), sink)
  return undefined
}

function writeText(text: Buffer | string, sink: JsonSink): void {
  if (typeof text === 'string') sink.utf8(text)
  else sink.raw(text)
}

/** A whole value or nothing. */
function writeAvro(values: AvroValues, payload: Buffer | null, nullLiteral: Buffer, sink: JsonSink): Promise<void> | undefined {
  if (payload === null) {
    sink.raw(nullLiteral)
    return undefined
  }
  const from = sink.at
  const undo = (error: unknown): never => {
    sink.at = from
    throw error
  }
  try {
    return values.print(payload, sink)?.catch(undo)
  } catch (error) {
    return undo(error)
  }
}
