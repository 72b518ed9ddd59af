import { expect, test } from 'vitest'
import { compileProjection } from './compile-projection.ts'
import { compileToString } from './compile-to-string.ts'
import { JsonSink } from './json-sink.ts'
import { parseSchema } from './schema.ts'

const record = (fields: unknown[], more: object = {}) => parseSchema(JSON.stringify({ type: 'record', name: 'R', namespace: 'n', fields, ...more }))
const field = (name: string, type: unknown, more: object = {}) => ({ name, type, ...more })

function projected(writer: ReturnType<typeof record>, reader: ReturnType<typeof record>, hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  const sink = new JsonSink(8)
  compileProjection(writer, reader)({ bytes, at: 0, end: bytes.length }, sink)
  return sink.bytes.toString('utf8', 0, sink.at)
}

test("fields come in the reader's order, renamed by alias, dropped, promoted and filled from defaults", () => {
  const writer = record([field('a', 'int'), field('gone', 'string'), field('b', 'float')])
  const reader = record([
    field('b', 'double'),
    field('added', ['string', 'null'], { default: 'x"y' }),
    field('list', { type: 'array', items: 'long' }, { default: [1, 2] }),
    field('renamed', 'long', { aliases: ['a'] }),
  ])
  expect(projected(writer, reader, '0a04686900000040')).toBe('{"b":2.0,"added":{"string":"x\\"y"},"list":[1,2],"renamed":5}')
})

test('a value moves into a union, and out of one where the branch is there', () => {
  const into = projected(record([field('a', 'int')]), record([field('a', ['null', 'long'])]), '0a')
  expect(into).toBe('{"a":{"long":5}}')
  const out = [record([field('a', ['null', 'int'])]), record([field('a', 'long')])] as const
  expect(projected(...out, '020a')).toBe('{"a":5}')
  expect(() => projected(...out, '00')).toThrow('Found null, expecting long')
})

test('a record that contains itself, and an enum symbol that the reader lacks', () => {
  const node = (extra: unknown[]) => record([field('v', 'int'), field('next', ['null', 'n.R']), ...extra])
  expect(projected(node([]), node([field('w', 'boolean', { default: true })]), '0202' + '0400')).toBe(
    '{"v":1,"next":{"n.R":{"v":2,"next":null,"w":true}},"w":true}',
  )
  const colour = (symbols: string[], more: object = {}) => record([field('c', { type: 'enum', name: 'E', symbols, ...more })])
  expect(projected(colour(['RED', 'PINK']), colour(['RED'], { default: 'RED' }), '02')).toBe('{"c":"RED"}')
  expect(() => projected(colour(['RED', 'PINK']), colour(['RED']), '02')).toThrow('No match for PINK')
})

test('a field without a default that nobody wrote is refused before any value is read', () => {
  expect(() => compileProjection(record([]), record([field('a', 'int')]))).toThrow('missing required field a')
})

test("Avro's toString has blanks, bare unions, and fixed values as numbers", () => {
  const schema = record([
    field('s', ['null', 'string']),
    field('f', { type: 'fixed', name: 'F', size: 2 }),
    field('m', { type: 'map', values: 'double' }),
    field('l', { type: 'array', items: 'int' }),
  ])
  const bytes = Buffer.from('02046122' + '01ff' + '020278000000000000f87f00' + '04020400', 'hex')
  expect(compileToString(schema)({ bytes, at: 0, end: bytes.length })).toBe('{"s": "a\\"", "f": [1, -1], "m": {"x": "NaN"}, "l": [1, 2]}')
})
