import { expect, test } from 'vitest'
import type { PostgresObservation } from '../observers/observation.ts'
import { examplePostgres, exampleRows } from './example-observations.ts'
import { sameRows } from './same-rows.ts'

function spoil(change: (customer: PostgresObservation['tables'][number], all: PostgresObservation) => void) {
  const after = examplePostgres()
  const customer = after.tables[0] as PostgresObservation['tables'][number]
  customer.hash = 'other'
  change(customer, after)
  return sameRows(examplePostgres(), after)
}

test('equal tables pass with the number of rows', () => {
  expect(sameRows(examplePostgres(), examplePostgres())).toMatchObject({ verdict: 'pass', counts: { tables: 2, rows: 3 }, findings: [] })
})

test('a changed row is shown as the one that is gone and the one that is new', () => {
  const result = spoil((table) => {
    table.rows = exampleRows('(1,Ada)', '(2,Zoe)', '(2,Zoë)')
  })
  expect(result.verdict).toBe('fail')
  expect(result.findings.map((finding) => `${finding.code} ${finding.message}`)).toEqual([
    'row-missing not there any more: (2,Zoë)',
    'row-extra was not there before: (2,Zoe)',
  ])
})

test('of two equal rows one lost is noticed', () => {
  const result = spoil((table) => table.rows.pop())
  expect(result.findings).toMatchObject([{ code: 'row-missing', message: 'not there any more: (2,Zoë)' }])
})

test('another hash over rows that look the same is harm: one of the two looks is wrong', () => {
  expect(spoil(() => {})).toMatchObject({ verdict: 'fail', findings: [{ code: 'rows-differ', item: 'shop.customer' }] })
})

test('a row too many and a table too many are harm', () => {
  expect(spoil((table) => table.rows.push(...exampleRows('(3,Eve)'))).findings).toMatchObject([{ code: 'row-extra' }])
  expect(spoil((_table, all) => all.tables.push({ name: 'x', kind: 'table', unlogged: false, rows: [], hash: '' })).findings).toMatchObject([
    {},
    { code: 'table-extra' },
  ])
})

test('a table that is gone is harm, an unlogged one that came back empty a note', () => {
  const gone = examplePostgres()
  gone.tables.shift()
  expect(sameRows(examplePostgres(), gone)).toMatchObject({ findings: [{ code: 'table-missing' }], verdict: 'fail' })
  const before = examplePostgres()
  before.tables.push({ name: 'shop.scratch', kind: 'table', unlogged: true, rows: exampleRows('(1)'), hash: '1' })
  const after = examplePostgres()
  after.tables.push({ name: 'shop.scratch', kind: 'table', unlogged: true, rows: [], hash: '0' })
  expect(sameRows(before, after)).toMatchObject({ verdict: 'pass', findings: [{ code: 'table-unlogged', severity: 'note' }] })
})

test('a database without rows on both sides is unknown', () => {
  const empty = { ...examplePostgres(), tables: [] }
  expect(sameRows(empty, empty).verdict).toBe('unknown')
})
