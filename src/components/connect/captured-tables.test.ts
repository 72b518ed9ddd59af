import { expect, test } from 'vitest'
import { capturesRelation } from './captured-tables.ts'

test.each([
  [{}, 'public.a', true],
  [{ 'table.include.list': 'public\\.a, shop\\.Price List' }, 'shop.Price List', true],
  [{ 'table.include.list': 'public\\.a' }, 'public.ab', false],
  [{ 'table.include.list': 'PUBLIC\\.A' }, 'public.a', true],
  [{ 'schema.include.list': 'shop' }, 'public.a', false],
  [{ 'table.exclude.list': 'public\\.(a|b)' }, 'public.b', false],
  [{ 'table.include.list': 'public\\.x\\x2cy' }, 'public.x,y', true],
])('%j captures %s: %s', (config, relation, captured) => {
  expect(capturesRelation(config as Record<string, string>)(relation)).toBe(captured)
})
