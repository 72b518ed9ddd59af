import { AvroDataError } from '../../avro/avro-data-error.ts'
import { JsonSink } from '../../avro/json-sink.ts'
import { DatapipeError } from '../../base/errors.ts'
import { type ColumnName, separator } from './columns.ts'
import type { StoredRecord } from './stored-records.ts'
import type { SchemaOf, StoredSchema } from './stored-schemas.ts'

/** Writes records as kafka-avro-console-consumer prints them: the chosen columns, tabs between them, a null key or value as `null`. */
export interface AvroJsonLines {
  /** Ids met, in the order of their first record. */
  readonly used: { key: Map<number, StoredSchema>; value: Map<number, StoredSchema> }
  /** The line, with its end. A view: the next call overwrites it. */
  line(record: StoredRecord): Buffer
}

export function avroJsonLines(topic: string, columns: readonly ColumnName[], schemaOf: SchemaOf): AvroJsonLines {
  const sink = new JsonSink()
  const used = { key: new Map<number, StoredSchema>(), value: new Map<number, StoredSchema>() }
  return {
    used,
    line(record) {
      const place = `${topic}/${record.partition}/${record.offset}`
      const ids = { key: 'null', value: 'null' }
      const write: Record<ColumnName, () => void> = {
        timestamp: () =>
          sink.utf8(record.timestamp < 0n ? 'NO_TIMESTAMP' : `${record.logAppendTime ? 'LogAppendTime' : 'CreateTime'}:${record.timestamp}`),
        partition: () => sink.utf8(`Partition:${record.partition}`),
        offset: () => sink.utf8(`Offset:${record.offset}`),
        headers: () => sink.utf8(headersText(record)),
        key: () => {
          ids.key = datum('key', record.key)
        },
        'key-id': () => sink.utf8(ids.key),
        value: () => {
          ids.value = datum('value', record.value)
        },
        'value-id': () => sink.utf8(ids.value),
      }
      const datum = (side: 'key' | 'value', bytes: Buffer | null): string => {
        if (bytes === null) {
          sink.utf8('null')
          return 'null'
        }
        const what = `the ${side} of ${place}`
        if (bytes.length < 5 || bytes[0] !== 0)
          throw new DatapipeError('not-supported', `${what} is not framed Avro`, {
            path: place,
            hint: 'export this topic with --format raw: it takes any bytes',
          })
        const schema = schemaOf(bytes.readUInt32BE(1), what, place)
        used[side].set(schema.id, schema)
        const source = { bytes, at: 5, end: bytes.length }
        try {
          schema.print(source, sink)
        } catch (cause) {
          if (!(cause instanceof AvroDataError)) throw cause
          throw new DatapipeError('not-supported', `${what} cannot be printed by its schema ${schema.id}`, {
            path: place,
            cause,
            hint: 'export this topic with --format raw: it takes any bytes',
          })
        }
        return String(schema.id)
      }
      sink.at = 0
      for (const [index, column] of columns.entries()) {
        if (index > 0) sink.utf8(separator)
        write[column]()
      }
      sink.utf8('\n')
      return sink.bytes.subarray(0, sink.at)
    },
  }
}

/** As the consumer prints them with a StringDeserializer: `name:value,name:value`. Not to be read back: values may hold commas and colons. */
function headersText({ headers }: StoredRecord): string {
  if (headers.length === 0) return 'NO_HEADERS'
  return headers
    .map(({ key, value }) => `${key.toString('utf8')}:${value === null ? 'null' : value.toString('utf8')}`)
    .join(',')
    .replace(/[\t\r\n]/g, ' ')
}
