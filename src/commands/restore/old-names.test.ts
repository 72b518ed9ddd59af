import { expect, test } from 'vitest'
import { referencesTo } from './old-names.ts'

const renamed = new Map([['shop.orders', 'restored.orders']])
const connector = (name: string, type: string, config: Record<string, string>, topics: string[] = []) => ({ name, type, config, topics })
const nothing = { connectors: [], subjects: [], groups: [] }

test('a source that wrote to it, sinks that name or match it, and nobody else', () => {
  const connectors = [
    connector('debezium', 'source', { 'topic.prefix': 'shop' }, ['shop.orders', 'shop.items']),
    connector('by-list', 'sink', { topics: 'a, shop.orders' }),
    connector('by-pattern', 'sink', { 'topics.regex': 'shop\\..*' }),
    connector('java-pattern', 'sink', { 'topics.regex': '(?<a>x)(?<a>y)' }),
    connector('other', 'sink', { topics: 'shop.orders2' }),
  ]
  expect(referencesTo(renamed, { ...nothing, connectors }).map(({ item, message }) => `${item}: ${message}`)).toEqual([
    'debezium: connector debezium goes on writing to shop.orders: the restored records stand beside',
    'by-list: connector by-list goes on reading from shop.orders: the restored records stand beside',
    'by-pattern: connector by-pattern goes on reading from shop.orders: the restored records stand beside',
    'java-pattern: connector java-pattern goes on reading from shop.orders: the restored records stand beside',
  ])
})

test('subjects of TopicNameStrategy, and groups with positions', () => {
  const groups = [
    { groupId: 'billing', offsets: [{ topic: 'shop.orders' }, { topic: 'shop.orders' }] },
    { groupId: 'x', offsets: [{ topic: 'y' }] },
  ]
  const subjects = ['shop.orders-value', 'shop.orders-value', 'shop.orders-other', 'items-value']
  expect(referencesTo(renamed, { ...nothing, subjects, groups }).map(({ component, message }) => `${component}: ${message}`)).toEqual([
    'registry: records of restored.orders carry the ids of shop.orders-value: they can be read, but a producer of restored.orders registers restored.orders-value',
    'kafka: group billing reads shop.orders: it gets positions in restored.orders only',
  ])
})
