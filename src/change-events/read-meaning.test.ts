import { Type } from 'avsc'
import { expect, test } from 'vitest'
import { parseSchema } from '../avro/schema.ts'
import { meaningReader } from './read-meaning.ts'

const row = {
  type: 'record',
  name: 'Value',
  namespace: 'shop.public.item',
  fields: [
    { name: 'id', type: 'int' },
    { name: 'name', type: ['null', 'string'] },
  ],
}
const source = {
  type: 'record',
  name: 'Source',
  namespace: 'io.debezium.connector.postgresql',
  fields: [
    { name: 'version', type: 'string' },
    { name: 'connector', type: 'string' },
    { name: 'name', type: 'string' },
    { name: 'ts_ms', type: 'long' },
    { name: 'snapshot', type: ['null', { type: 'string', 'connect.parameters': {} }] },
    { name: 'sequence', type: ['null', 'string'] },
    { name: 'txId', type: ['null', 'long'] },
    { name: 'lsn', type: ['null', 'long'] },
    { name: 'xmin', type: ['null', 'long'] },
  ],
}
const envelope = {
  type: 'record',
  name: 'Envelope',
  namespace: 'shop.public.item',
  fields: [
    { name: 'before', type: ['null', row] },
    { name: 'after', type: ['null', 'shop.public.item.Value'] },
    { name: 'tags', type: { type: 'array', items: { type: 'map', values: ['null', 'double', 'bytes'] } } },
    { name: 'source', type: source },
    { name: 'transaction', type: ['null', { type: 'record', name: 'block', namespace: 'event', fields: [{ name: 'id', type: 'string' }] }] },
    { name: 'op', type: 'string' },
    { name: 'ts_ms', type: ['null', 'long'] },
  ],
}
const end = {
  type: 'record',
  name: 'TransactionMetadataValue',
  fields: ['status', 'id'].map((name) => ({ name, type: 'string' })).concat({ name: 'event_count', type: ['null', 'long'] as never }),
}
const flat = {
  type: 'record',
  name: 'Flat',
  fields: [
    { name: 'id', type: 'int' },
    { name: '__op', type: ['null', 'string'] },
    { name: '__source_txId', type: ['null', 'long'] },
    { name: '__source_lsn', type: ['null', 'long'] },
  ],
}
const schemas = new Map<number, unknown>([
  [1, envelope],
  [2, end],
  [3, flat],
  [4, row],
])
const schemaOf = (id: number) => {
  const schema = schemas.get(id)
  return schema === undefined ? `the backup has no schema ${id}` : parseSchema(JSON.stringify(schema))
}

const names = {
  fields: { op: '__op', 'source.txId': '__source_txId', 'source.lsn': '__source_lsn' },
  headers: {},
}
const reader = meaningReader({ schemaOf })
const flatReader = meaningReader({ schemaOf, flattened: names })
const record = (value: Buffer | null, headers: Record<string, string> = {}) => ({
  key: null,
  value,
  headers: Object.entries(headers).map(([key, text]) => ({ key: Buffer.from(key), value: Buffer.from(text) })),
})

function framed(id: number, value: unknown): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(id, 1)
  return Buffer.concat([head, Type.forSchema(schemas.get(id) as never, { wrapUnions: false } as never).toBuffer(value)])
}

const block = {
  version: '3.6.0.Final',
  connector: 'postgresql',
  name: 'shop',
  ts_ms: 1_795_493_810_462,
  snapshot: null,
  sequence: '["24023128","24023456"]',
  txId: 571,
  lsn: 24_023_456,
  xmin: null,
}
const event = {
  before: { id: 1, name: null },
  after: { id: 1, name: 'a row with an é' },
  tags: [{ a: 1.5, b: Buffer.from([1, 2, 3]), c: null }],
  source: block,
  transaction: { id: '571:53195829' },
  op: 'u',
  ts_ms: 1,
}
const meant = { kind: 'event', op: 'u', server: 'shop', xid: 571n, lsn: 24_023_456n, previousCommit: 24_023_128n, snapshot: 'none' }

test('an envelope in Avro says where it belongs, whatever stands before its source', () => {
  expect(reader(record(framed(1, event)))).toEqual(meant)
  expect(reader(record(framed(1, { ...event, source: { ...block, snapshot: 'last', sequence: '[null,"24023456"]', txId: null } })))).toEqual({
    ...meant,
    xid: undefined,
    previousCommit: undefined,
    snapshot: 'initial',
  })
  const incremental = { ...block, snapshot: 'incremental', txId: null, lsn: null, sequence: null }
  expect(reader(record(framed(1, { ...event, op: 'r', source: incremental })))).toMatchObject({
    kind: 'event',
    snapshot: 'incremental',
    xid: undefined,
  })
})

test('an envelope in JSON, with its schema and without it, numbers beyond 2^53 too', () => {
  const json = (value: unknown) => reader(record(Buffer.from(JSON.stringify(value))))
  expect(json(event)).toEqual(meant)
  expect(json({ schema: { type: 'struct' }, payload: event })).toEqual(meant)
  expect(reader(record(Buffer.from(JSON.stringify(event).replace('"lsn":24023456', '"lsn":9007199254740993'))))).toMatchObject({
    lsn: 9007199254740993n,
  })
})

test('begin and end of a transaction belong to it', () => {
  expect(reader(record(framed(2, { status: 'END', id: '571:53195829', event_count: 3 })))).toMatchObject({ kind: 'event', xid: 571n, lsn: undefined })
  expect(reader(record(Buffer.from('{"status":"BEGIN","id":"571:5","event_count":null}')))).toMatchObject({ kind: 'event', xid: 571n })
})

test('flattened records are read by what was added to them, in fields or in headers', () => {
  const value = framed(3, { id: 1, __op: 'c', __source_txId: 571, __source_lsn: 77 })
  expect(flatReader(record(value))).toMatchObject({ kind: 'event', op: 'c', xid: 571n, lsn: 77n })
  expect(flatReader(record(Buffer.from('{"id":1,"__op":"c","__source_txId":571}')))).toMatchObject({ kind: 'event', xid: 571n })
  const inHeaders = meaningReader({ schemaOf, flattened: { fields: {}, headers: { 'source.txId': '__source_txId' } } })
  expect(inHeaders(record(framed(4, { id: 1, name: null }), { __source_txId: '571' }))).toMatchObject({ kind: 'event', xid: 571n })
  expect(inHeaders(record(null, { __source_txId: '{"schema":{"type":"int64"},"payload":571}' }))).toMatchObject({ kind: 'event', xid: 571n })
})

test.each<[string, Buffer, RegExp]>([
  ['a row without its source', framed(4, { id: 1, name: 'flattened' }), /no source: .*add\.fields/],
  ['JSON without a source', Buffer.from('{"id":1}'), /no source/],
  ['JSON that is broken', Buffer.from('{"id":'), /no source/],
  ['another database', framed(1, { ...event, source: { ...block, connector: 'mysql' } }), /a connector of mysql/],
  ['a schema that is not there', Buffer.from([0, 0, 0, 0, 9, 1]), /no schema 9/],
  ['bytes that end too soon', framed(1, event).subarray(0, 40), /does not fit its schema 1/],
  ['anything else', Buffer.from('order 7'), /neither Avro .* nor JSON/],
])('%s is foreign, and why', (_name, value, reason) => {
  expect(reader(record(value))).toEqual({ kind: 'foreign', reason: expect.stringMatching(reason) })
})

test('nothing is a tombstone', () => {
  expect(reader(record(null))).toEqual({ kind: 'tombstone' })
})

test('a million envelopes are read in seconds', () => {
  const value = record(framed(1, event))
  const started = performance.now()
  for (let index = 0; index < 1_000_000; index++) reader(value)
  expect(performance.now() - started).toBeLessThan(20_000)
})
