import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { DatapipeError } from '../../base/errors.ts'
import type { KafkaRecord } from '../../clients/kafka/records.ts'
import { type ColumnName, separator } from '../export/columns.ts'
import { readRawLine } from '../export/raw-lines.ts'
import type { Layout } from './layout.ts'
import type { Encoder, WriterSchemas } from './writer-schemas.ts'

/** A record to be sent: the partition and the time are the file's, where it has them. */
export interface ImportedRecord extends Omit<KafkaRecord, 'timestamp'> {
  partition: number | undefined
  timestamp: bigint | undefined
}

export interface ReadLines {
  file: string
  layout: Layout
  schemas: WriterSchemas | undefined
  /** Of lines that carry no id. */
  keySchema: Encoder | undefined
  valueSchema: Encoder | undefined
}

/** Every record of an exported file, in order. Throws `usage` with FILE:LINE at the first line that is not one; `storage-failed`. */
export async function* readLines(options: ReadLines): AsyncGenerator<ImportedRecord> {
  const { file, layout } = options
  const stream = createReadStream(file, 'utf8')
  let number = 0
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      number += 1
      const place = `${file}:${number}`
      yield layout.kind === 'raw' ? readRawLine(line, place) : await readAvroLine(line, place, options)
    }
  } catch (cause) {
    if (cause instanceof DatapipeError) throw cause
    throw new DatapipeError('storage-failed', 'the file cannot be read', { path: file, cause })
  } finally {
    stream.destroy()
  }
}

async function readAvroLine(line: string, place: string, options: ReadLines): Promise<ImportedRecord> {
  const { columns } = options.layout
  // JSON of one line holds no tab: those within strings are escaped.
  const fields = line.split(separator)
  if (fields.length !== columns.length)
    throw new DatapipeError('usage', `${place} has ${fields.length} columns instead of ${columns.length} (${columns.join(', ')})`, { path: place })
  const field = (name: ColumnName) => fields[columns.indexOf(name)]
  const numbered = (name: ColumnName, labels: RegExp): bigint | undefined => {
    const text = field(name)
    if (text === undefined) return undefined
    const digits = new RegExp(`^(?:${labels.source}):(-?\\d{1,19})$`).exec(text)?.[1]
    if (digits === undefined) throw new DatapipeError('usage', `${place}: ${name} is ${JSON.stringify(text.slice(0, 60))}`, { path: place })
    return BigInt(digits)
  }
  const side = async (name: 'key' | 'value', fallback: Encoder | undefined): Promise<Buffer | null> => {
    const text = field(name)
    if (text === undefined || text === 'null') return null
    const id = field(`${name}-id`)
    if (id !== undefined && !/^\d{1,10}$/.test(id))
      throw new DatapipeError('usage', `${place}: the schema id of the ${name} is ${JSON.stringify(id.slice(0, 60))}`, { path: place })
    const encoder = id === undefined ? fallback : await options.schemas?.byId(Number(id))
    if (encoder === undefined) throw new DatapipeError('internal', `no schema was chosen for the ${name} of ${place}`)
    return encoder.encode(text, place)
  }
  const partition = numbered('partition', /Partition/)
  return {
    partition: partition === undefined ? undefined : Number(partition),
    offset: numbered('offset', /Offset/) ?? 0n,
    timestamp: field('timestamp') === 'NO_TIMESTAMP' ? undefined : numbered('timestamp', /CreateTime|LogAppendTime/),
    key: await side('key', options.keySchema),
    value: await side('value', options.valueSchema),
    headers: [],
  }
}
