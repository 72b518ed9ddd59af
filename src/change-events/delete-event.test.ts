import { expect, test } from 'vitest'
import { parseSchema } from '../avro/schema.ts'
import { deleteEventOf } from './delete-event.ts'

const value = {
  type: 'record',
  name: 'Value',
  fields: [
    { name: 'id', type: 'int' },
    { name: 'name', type: ['null', 'string'], default: null },
  ],
}
const envelope = (fields: unknown[]) => parseSchema(JSON.stringify({ type: 'record', name: 'Envelope', fields }))
const debezium = envelope([
  { name: 'before', type: ['null', value], default: null },
  { name: 'after', type: ['null', 'Value'], default: null },
  {
    name: 'source',
    type: {
      type: 'record',
      name: 'Source',
      fields: [
        { name: 'txId', type: ['null', 'long'] },
        { name: 'lsn', type: ['null', 'long'] },
      ],
    },
  },
  { name: 'op', type: 'string' },
  { name: 'ts_ms', type: ['null', 'long'], default: null },
])
const schemas = new Map([
  [7, debezium],
  [8, parseSchema(JSON.stringify(value))],
  [
    9,
    envelope([
      { name: 'before', type: 'int' },
      { name: 'after', type: 'string' },
      { name: 'op', type: 'string' },
    ]),
  ],
])
const schemaOf = (id: number) => schemas.get(id) ?? `there is no schema ${id}`
const framed = (id: number, ...bytes: number[]) => Buffer.from([0, 0, 0, 0, id, ...bytes])

/** id 5, name `ab`; txId 300, lsn 3; ts_ms 1. */
const row = [2, 10, 2, 4, 0x61, 0x62]
const source = [2, 0xd8, 0x04, 2, 6]

test('an Avro envelope turns round: its after is before, and every other byte stays', () => {
  const before = [2, 12, 0]
  const update = framed(7, ...before, ...row, ...source, 2, 0x75, 2, 2)
  expect(deleteEventOf(update, schemaOf)).toEqual(framed(7, ...row, 0, ...source, 2, 0x64, 2, 2))
  const insert = framed(7, 0, ...row, ...source, 2, 0x63, 2, 2)
  expect(deleteEventOf(insert, schemaOf)).toEqual(framed(7, ...row, 0, ...source, 2, 0x64, 2, 2))
})

test('a JSON envelope does, with and without its schema, and every digit stays', () => {
  const event = (text: string) => Buffer.from(text)
  expect(String(deleteEventOf(event('{"before":null,"after":{"id":12345678901234567890},"op":"c"}'), schemaOf))).toBe(
    '{"before":{"id":12345678901234567890},"after":null,"op":"d"}',
  )
  expect(String(deleteEventOf(event('{"schema":{"type":"struct"},"payload":{"before":null,"after":{"id":1},"op":"u"}}'), schemaOf))).toBe(
    '{"schema":{"type":"struct"},"payload":{"before":{"id":1},"after":null,"op":"d"}}',
  )
})

test('a flattened record has no delete but its tombstone', () => {
  expect(deleteEventOf(framed(8, 10, 0), schemaOf)).toBeNull()
  expect(deleteEventOf(Buffer.from('{"id":1}'), schemaOf)).toBeNull()
})

test('what cannot be turned round says why', () => {
  expect(deleteEventOf(framed(6, 0), schemaOf)).toEqual({ reason: 'there is no schema 6' })
  expect(deleteEventOf(framed(9, 0, 0, 0), schemaOf)).toMatchObject({ reason: expect.stringContaining('of different kinds') as string })
  expect(deleteEventOf(framed(7, 2), schemaOf)).toMatchObject({ reason: expect.stringContaining('does not fit its schema 7') as string })
  expect(deleteEventOf(Buffer.from('text'), schemaOf)).toMatchObject({ reason: expect.stringContaining('neither Avro') as string })
})
