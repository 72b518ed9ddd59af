import { expect, test } from 'vitest'
import { parseRename, renameTopics } from './rename-topics.ts'

const internal = new Set(['connect-offsets'])
const rename = (topics: string[], ...rules: string[]) => Object.fromEntries(renameTopics(topics, rules.map(parseRename), internal))

test('exact names, prefixes and wildcards; the first rule that matches counts, the others keep their names', () => {
  expect(rename(['orders', 'shop.a', 'shop.b', 'x'], 'orders=old', 'shop.b=b', 'shop.*=restored.*')).toEqual({
    orders: 'old',
    'shop.a': 'restored.a',
    'shop.b': 'b',
    x: 'x',
  })
  expect(rename(['a-1-z', 'b.c'], '?-*=*.?', '*=restored.*')).toEqual({ 'a-1-z': 'a.1-z', 'b.c': 'restored.b.c' })
})

test('every other character stands for itself', () => {
  expect(() => rename(['shopXa'], 'shop.a=b')).toThrow(/matches no topic/)
})

test('an internal topic keeps its name under a wildcard, and refuses one of its own', () => {
  expect(rename(['a', 'connect-offsets'], '*=restored.*')).toEqual({ a: 'restored.a', 'connect-offsets': 'connect-offsets' })
  expect(() => rename(['a', 'connect-offsets'], 'connect-offsets=b')).toThrow(expect.objectContaining({ code: 'rename-refused' }))
})

test.each([
  [['a', 'b'], 'a=b', 'a and b would both be b'],
  [['a.x', 'a.y'], 'a.*=c', 'a.x and a.y would both be c'],
  [['a', 'b'], 'a=b_', undefined],
  [['a', 'x_y'], 'a=x.y', 'a and x_y would both be x_y'],
  [['a'], 'a=connect-offsets', 'a cannot be connect-offsets, which is an internal topic'],
  [['a'], 'a=b/c', 'b/c is no name for a topic (from a)'],
  [['a'], `a=${'x'.repeat(250)}`, 'is no name for a topic'],
])('%j with %s: %s', (topics, rule, message) => {
  if (message === undefined) expect(rename(topics, rule)).toBeDefined()
  else
    expect(() => rename(topics, rule)).toThrow(
      expect.objectContaining({ code: 'rename-refused', message: expect.stringContaining(message) as string }),
    )
})

test.each(['a', '=b', 'a=', 'a=b=c', 'a=*', 'a.*=*.*'])('%s is no rule', (text) => {
  expect(() => parseRename(text)).toThrow(expect.objectContaining({ code: 'usage' }))
})
