import { expect, test } from 'vitest'
import { parseSchema } from '../avro/schema.ts'
import { fieldsBeyond, isReadableBy } from './producer-compatibility.ts'

const record = (fields: unknown[], name = 'R') => ({ type: 'record', name, fields })
const field = (name: string, type: unknown, more: object = {}) => ({ name, type, ...more })
const both = (writer: unknown, reader: unknown) => [parseSchema(JSON.stringify(writer)), parseSchema(JSON.stringify(reader))] as const

test.each([
  ['int', 'double', true],
  ['double', 'int', false],
  ['int', ['null', 'long'], true],
  [['null', 'int'], 'int', false],
  [record([field('a', 'int')]), record([field('a', 'int'), field('b', 'int')]), false],
  [record([field('a', 'int')]), record([field('a', 'int'), field('b', 'int', { default: 0 })]), true],
  [record([field('a', 'int')]), record([field('x', 'int', { aliases: ['a'] })]), true],
  [record([field('a', 'int')]), record([field('a', 'int')], 'n.R'), true],
  [record([field('a', 'int')]), record([field('a', 'int')], 'S'), false],
  [{ type: 'enum', name: 'E', symbols: ['A', 'B'] }, { type: 'enum', name: 'E', symbols: ['A'] }, false],
  [{ type: 'enum', name: 'E', symbols: ['A', 'B'] }, { type: 'enum', name: 'E', symbols: ['A'], default: 'A' }, true],
  [{ type: 'fixed', name: 'F', size: 1 }, { type: 'fixed', name: 'F', size: 2 }, false],
  [{ type: 'map', values: 'int' }, { type: 'map', values: 'long' }, true],
  [record([field('next', ['null', 'R'])]), record([field('next', ['null', 'R'])]), true],
])('what %j wrote is readable by %j: %s', (writer, reader, readable) => {
  expect(isReadableBy(...both(writer, reader))).toBe(readable)
})

test.each([
  [record([field('a', 'int')]), record([field('b', 'int', { doc: 'renamed' })]), 'same'],
  [record([field('a', 'int')]), record([field('a', 'int'), field('b', 'int')]), 1],
  [record([field('a', 'int'), field('b', 'int')]), record([field('a', 'int')]), undefined],
  [record([field('a', 'int')]), record([field('a', 'long')]), undefined],
  [{ type: 'array', items: record([field('a', 'int')]) }, { type: 'array', items: record([field('a', 'int'), field('b', 'int')]) }, 1],
  [record([field('next', ['null', 'R'])]), record([field('next', ['null', 'R'])]), 'same'],
])('a value of %j written field by field with %j: %s', (given, writer, beyond) => {
  expect(fieldsBeyond(...both(given, writer))).toBe(beyond)
})
