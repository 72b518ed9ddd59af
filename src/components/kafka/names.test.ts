import { expect, test } from 'vitest'
import { batchesFile, encodeTopic, partitionDirectory } from './artifact-path.ts'
import { matchesAny } from './match-names.ts'

test('in globs only * and ? are special', () => {
  expect(matchesAny('audit.events', ['audit.events'])).toBe(true)
  expect(matchesAny('audit-events', ['audit.events'])).toBe(false)
  expect(matchesAny('postgres.public.orders', ['postgres.*'])).toBe(true)
  expect(matchesAny('postgresXpublic', ['postgres.*'])).toBe(false)
  expect(matchesAny('orders-1', ['orders-?'])).toBe(true)
  expect(matchesAny('orders-10', ['orders-?'])).toBe(false)
  expect(matchesAny('a+b(c)[d]', ['a+b(c)[d]'])).toBe(true)
  expect(matchesAny('заказы', ['зак*'])).toBe(true)
})

test.each(['.', '..', '...', '.hidden', 'a/b', 'заказы', 'with space', 'a%2Fb', 'star*', 'C:\\x', 'plain.topic_1-x'])(
  'the topic name %s is one safe path segment',
  (name) => {
    const segment = encodeTopic(name)
    expect(segment).toMatch(/^[A-Za-z0-9%_\-!~'()][A-Za-z0-9%._\-!~'()]*$/)
    expect(decodeURIComponent(segment)).toBe(name)
  },
)

test('artifact paths sort as their offsets do', () => {
  expect(partitionDirectory('orders', 3) + batchesFile(42n)).toBe('topics/orders/3/00000000000000000042.batches')
  expect(partitionDirectory('orders', 3, 2)).toBe('topics/orders/3.2/')
})
