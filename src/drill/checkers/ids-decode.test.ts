import { expect, test } from 'vitest'
import type { DecodeObservation, ObservedId } from '../observers/observation.ts'
import { idsDecode } from './ids-decode.ts'

const observed = (...ids: Partial<ObservedId>[]): DecodeObservation => ({
  ids: ids.map((one, index) => ({ id: index + 1, topics: ['orders'], records: 5, decoded: 5, ...one })),
  records: 10,
  unframed: 0,
})

test('ids that all decode pass', () => {
  expect(idsDecode(observed({}, {}), observed({}, {}))).toMatchObject({ verdict: 'pass', counts: { ids: 2, decoded: 10 } })
})

test('an id that does not decode is harm with the reason', () => {
  const result = idsDecode(observed({}, { decoded: 2, error: 'orders/0/7: unknown schema' }))
  expect(result).toMatchObject({ verdict: 'fail', findings: [{ code: 'id-does-not-decode', item: 'schema id 2' }] })
  expect(idsDecode(observed({ decoded: 0 })).verdict).toBe('fail')
})

test('an id that moved is harm although everything decodes', () => {
  const result = idsDecode(observed({ id: 9 }), observed({ id: 1 }))
  expect(result.findings.map((finding) => `${finding.code} ${finding.item}`)).toEqual(['id-moved schema id 1', 'id-moved schema id 9'])
})

test('no framed record at all is unknown', () => {
  expect(idsDecode(observed()).verdict).toBe('unknown')
})
