import { expect, test } from 'vitest'
import { DatapipeError } from '../../base/errors.ts'
import { brokenMatrix } from './broken-matrix.ts'
import { matrixSchema, matrixVerdict } from './matrix.ts'

test('a drill that stopped half-way leaves a matrix that fails, says why and what to type, and passes nothing', () => {
  const error = new DatapipeError('barrier-not-reached', 'no clean cut in 12 attempts')
  const matrix = brokenMatrix({ error, stack: 'embedded', versions: {}, drill: 'lose everything', at: new Date(0) })
  expect(matrixSchema.parse(matrix)).toEqual(matrix)
  expect(matrixVerdict(matrix)).toBe('fail')
  expect(matrix.rows[0]?.findings[0]).toMatchObject({ code: 'barrier-not-reached', message: 'no clean cut in 12 attempts', next: error.hint })
  expect(new Set(matrix.rows.slice(1).map(({ verdict }) => verdict))).toEqual(new Set(['not run']))
})
