import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { RegistrySnapshot } from '../../components/registry/snapshot.ts'
import { layoutOf } from '../import/layout.ts'
import { readLines } from '../import/read-lines.ts'
import { encoderOf } from '../import/writer-schemas.ts'
import { avroJsonLines } from './avro-json-lines.ts'
import { type ColumnName, columnsOf } from './columns.ts'
import { countLosses } from './count-losses.ts'
import { rawLine, readRawLine } from './raw-lines.ts'
import type { StoredRecord } from './stored-records.ts'
import { storedSchemas } from './stored-schemas.ts'

const address = '{"type":"record","name":"Address","namespace":"shop","fields":[{"name":"street","type":"string"}]}'
const order =
  '{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"to","type":["null","Address"],"default":null}]}'
const version = (subject: string, id: number, schema: string, change = {}) => ({
  subject,
  version: '1',
  id,
  type: 'AVRO',
  schema,
  references: [],
  deleted: false,
  ...change,
})
const snapshot: RegistrySnapshot = {
  format: 1,
  kind: 'confluent',
  version: '7.6',
  contexts: ['.'],
  subjects: [],
  versions: [
    version('address', 3, address),
    version('orders-value', 7, order, { references: [{ name: 'shop.Address', subject: 'address', version: '1' }] }),
    version('orders-key', 8, '"string"'),
    version('other', 9, '{}', { type: 'JSON' }),
  ],
  config: { global: {}, subjects: {} },
  mode: { global: null, subjects: {} },
}
const key = encoderOf(8, 'AVRO', '"string"', [])
const value = encoderOf(7, 'AVRO', order, [address])
const json = '{"id":5,"to":{"shop.Address":{"street":"a\\tb"}}}'
const record = (change: Partial<StoredRecord> = {}): StoredRecord => ({
  partition: 1,
  offset: 17n,
  timestamp: 1_764_039_600_000n,
  logAppendTime: false,
  key: key.encode('"k"', 'k'),
  value: value.encode(json, 'v'),
  headers: [{ key: Buffer.from('trace'), value: Buffer.from('a:b\tc') }],
  ...change,
})
const all = columnsOf(['timestamp', 'partition', 'offset', 'headers', 'key', 'ids'])
const print = (columns: readonly ColumnName[], one: StoredRecord) =>
  avroJsonLines('orders', columns, storedSchemas(snapshot)).line(one).toString('utf8')

async function fileOf(text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'export-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  await writeFile(join(directory, 'lines'), text)
  return join(directory, 'lines')
}

async function read(text: string, columns: string[]) {
  const file = await fileOf(text)
  const layout = await layoutOf(file, { columns })
  const records = []
  for await (const one of readLines({ file, layout, schemas: undefined, keySchema: key, valueSchema: value })) records.push(one)
  return records
}

describe('avro-json', () => {
  test('a record prints as the consumer prints it, with the columns in its order', () => {
    expect(print(all, record())).toBe(`CreateTime:1764039600000\tPartition:1\tOffset:17\ttrace:a:b c\t"k"\t8\t${json}\t7\n`)
    expect(print(['value'], record())).toBe(`${json}\n`)
  })
  test('nulls, no headers and the broker’s time are said in its words', () => {
    const one = record({ key: null, value: null, headers: [], logAppendTime: true })
    expect(print(all, one)).toBe('LogAppendTime:1764039600000\tPartition:1\tOffset:17\tNO_HEADERS\tnull\tnull\tnull\tnull\n')
  })
  test.each([
    ['bytes that are not framed', Buffer.from('plain'), 'is not framed Avro'],
    ['an id that the registry did not have', Buffer.from([0, 0, 0, 0, 99, 1]), 'schema id 99'],
    ['another kind of schema', Buffer.from([0, 0, 0, 0, 9, 1]), 'is JSON, not Avro'],
    ['a value that ends too early', value.encode(json, 'v').subarray(0, 8), 'cannot be printed by its schema 7'],
  ])('%s: an error with the place, which names the format that takes any bytes', (_what, bytes, message) => {
    expect(() => print(['value'], record({ value: bytes }))).toThrow(
      expect.objectContaining({ code: 'not-supported', path: 'orders/1/17', message: expect.stringContaining(message) as string }),
    )
  })
  test('what the columns do not hold is counted, and nothing else', () => {
    const counter = countLosses('avro-json', ['value'])
    for (const one of [record(), record({ value: null }), record({ key: null, headers: [] })]) counter.see(one)
    expect(counter.lost()).toEqual({ keys: 2, timestamps: 3, partitions: 3, offsets: 3, headers: 2, schemaIds: 2, tombstones: 1 })
    expect([counter.records, counter.tombstones, counter.partitions]).toEqual([3, 1, 1])
    const whole = countLosses('avro-json', all)
    for (const one of [record(), record({ value: null })]) whole.see(one)
    // The headers column is for people.
    expect(whole.lost()).toEqual({ headers: 2 })
    const raw = countLosses('raw', [])
    raw.see(record({ value: null }))
    expect(raw.lost()).toEqual({})
  })
})

describe('reading avro-json back', () => {
  test('every column but headers comes back to the same bytes', async () => {
    const columns = all.filter((name) => name !== 'headers')
    const lines = [record(), record({ value: null, key: null })].map((one) => print(columns, one)).join('')
    const fixed = columns.filter((name) => !name.endsWith('-id'))
    const without = lines.replaceAll(/\t(7|8|null)(?=\t|\n)/g, (match) => (match === '\tnull' ? match : ''))
    const [one, other] = await read(without.replace('null\tnull\tnull\tnull', 'null\tnull'), fixed)
    expect(one).toEqual({ partition: 1, offset: 17n, timestamp: 1_764_039_600_000n, key: record().key, value: record().value, headers: [] })
    expect(other).toMatchObject({ key: null, value: null })
  })
  test.each([
    ['a column too many', `"k"\t${json}\t7\n`, ['key', 'value'], 'has 3 columns instead of 2'],
    ['a value of another schema', '{"id":"x"}\n', ['value'], 'is no value of schema 7'],
    ['a partition that is none', `Partition:x\t${json}\n`, ['partition', 'value'], 'partition is "Partition:x"'],
    ['a time without its label', `17\t${json}\n`, ['timestamp', 'value'], 'timestamp is "17"'],
  ])('%s: an error with file and line', async (_what, text, columns, message) => {
    await expect(read(text, columns)).rejects.toMatchObject({
      code: 'usage',
      path: expect.stringMatching(/lines:1$/) as string,
      message: expect.stringContaining(message) as string,
    })
  })
  test.each([
    ['a column of another name', ['key', 'vallue'], 'there is no column vallue'],
    ['headers', ['headers', 'value'], 'cannot be read back'],
    ['no value', ['key'], 'have no value'],
    ['one twice', ['value', 'value'], 'is named twice'],
    ['nothing named and no description', undefined, 'nothing says what the columns'],
  ])('a layout with %s is refused', async (_what, columns, message) => {
    await expect(layoutOf(await fileOf(''), { columns })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(message) as string,
    })
  })
  test('a description of another version is refused, not passed over', async () => {
    const file = await fileOf('')
    await writeFile(`${file}.about.json`, '{"format":2}')
    await expect(layoutOf(file, { columns: ['value'] })).rejects.toMatchObject({ code: 'usage', path: `${file}.about.json` })
  })
})

describe('raw', () => {
  test('every part of a record comes back as it was: null and empty, order and names of headers, whose time it is', () => {
    const header = (name: string | Buffer, content: Buffer | null) => ({ key: Buffer.from(name), value: content })
    const odd = record({
      key: Buffer.alloc(0),
      value: null,
      logAppendTime: true,
      timestamp: -1n,
      offset: 9_007_199_254_740_993n,
      headers: [header('b', null), header('a', Buffer.from([255])), header('b', Buffer.alloc(0)), header(Buffer.from([0xff]), null)],
    })
    for (const one of [record(), odd]) expect(readRawLine(rawLine(one).toString('utf8'), 'x')).toEqual(one)
  })
  test.each(['', '{}', '{"partition":0}', rawLine(record()).toString('utf8').replace('"time":"create"', '"time":"now"')])(
    'anything else is refused with its place: %s',
    (line) => {
      expect(() => readRawLine(line, 'file:3')).toThrow(expect.objectContaining({ code: 'usage', path: 'file:3' }))
    },
  )
})
