import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'
import type { StoredRecord } from './stored-records.ts'

const base64 = z.base64().nullable()
const decimal = z.string().regex(/^-?\d{1,19}$/)

/**
 * A line of a raw export: one record, nothing lost. Bytes as base64, null as null and empty as `""`; headers in order, duplicates kept, their names too as
 * base64 (they are bytes); 64-bit numbers as decimal strings; `time`: who gave the timestamp, the producer or the broker.
 */
const lineSchema = z.strictObject({
  partition: z.number().int().nonnegative(),
  offset: decimal,
  timestamp: decimal,
  time: z.enum(['create', 'append']),
  key: base64,
  value: base64,
  headers: z.array(z.tuple([z.base64(), base64])),
})

export function rawLine({ partition, offset, timestamp, logAppendTime, key, value, headers }: StoredRecord): Buffer {
  const text = (bytes: Buffer | null) => bytes?.toString('base64') ?? null
  const line: z.infer<typeof lineSchema> = {
    partition,
    offset: offset.toString(),
    timestamp: timestamp.toString(),
    time: logAppendTime ? 'append' : 'create',
    key: text(key),
    value: text(value),
    headers: headers.map((header) => [header.key.toString('base64'), text(header.value)]),
  }
  return Buffer.from(`${JSON.stringify(line)}\n`)
}

/** Reads such a line. Throws `usage` with the place and what does not fit. */
export function readRawLine(text: string, place: string): StoredRecord {
  const bytes = (encoded: string | null) => (encoded === null ? null : Buffer.from(encoded, 'base64'))
  let parsed: z.infer<typeof lineSchema>
  try {
    parsed = lineSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new DatapipeError('usage', `${place} is not a line of a raw export`, { path: place, hint: 'docs/export.md shows one', cause })
  }
  return {
    partition: parsed.partition,
    offset: BigInt(parsed.offset),
    timestamp: BigInt(parsed.timestamp),
    logAppendTime: parsed.time === 'append',
    key: bytes(parsed.key),
    value: bytes(parsed.value),
    headers: parsed.headers.map(([name, value]) => ({ key: Buffer.from(name, 'base64'), value: bytes(value) })),
  }
}
