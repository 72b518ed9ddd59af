import { expect, test } from 'vitest'
import type { PostgresObservation } from '../observers/observation.ts'
import { examplePostgres } from './example-observations.ts'
import { sameDefinitions } from './same-definitions.ts'

function spoil(change: (after: PostgresObservation) => void) {
  const after = examplePostgres()
  change(after)
  return sameDefinitions(examplePostgres(), after)
}

test('equal definitions pass', () => {
  expect(spoil(() => {})).toMatchObject({ verdict: 'pass', findings: [], counts: { definitions: 2, sequences: 1, largeObjects: 1 } })
})

test('a definition that is gone, new or different is harm and shows both', () => {
  const result = spoil((after) => {
    after.definitions = { 'view shop.totals': 'SELECT 2', 'view shop.other': 'SELECT 3' }
  })
  expect(result.verdict).toBe('fail')
  expect(result.findings.map((finding) => `${finding.code} ${finding.item}: ${finding.message}`)).toEqual([
    'definition-changed view shop.totals: was SELECT 1, is SELECT 2',
    'definition-missing column shop.customer.id: not there any more: 1 integer',
    'definition-extra view shop.other: was not there before: SELECT 3',
  ])
})

test('a sequence up to 32 values ahead is a note, further or behind is harm', () => {
  const at = (lastValue: string) => spoil((after) => (after.sequences = [{ name: 'shop.ticket', lastValue, increment: '10' }]))
  expect(at('420')).toMatchObject({ verdict: 'pass', findings: [{ code: 'sequence-ahead' }] })
  expect(at('430')).toMatchObject({ verdict: 'fail', findings: [{ code: 'sequence-differs' }] })
  expect(at('90').verdict).toBe('fail')
})

test('a large object with other bytes is harm', () => {
  expect(spoil((after) => (after.largeObjects = [{ oid: '42', bytes: '3', hash: 'fedcba' }]))).toMatchObject({
    findings: [{ code: 'large-object-changed' }],
  })
})
