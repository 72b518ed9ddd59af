import { expect, test } from 'vitest'
import { DatapipeError } from '../../base/errors.ts'
import { assembleMatrix } from './assemble-matrix.ts'
import { brokenRun } from './broken-run.ts'
import { matrixSchema } from './matrix.ts'
import { matrixVerdict } from './matrix-verdict.ts'

test('a drill that stopped half-way leaves a run that fails, says why and what to type, and passes nothing', () => {
  const error = new DatapipeError('barrier-not-reached', 'no clean cut in 12 attempts')
  const run = { id: 'embedded', drill: 'lose everything', subject: 'engine', stack: 'embedded', engine: 'process', versions: {} } as const
  const broken = brokenRun({ ...run, at: new Date(0).toISOString() }, error)
  const matrix = assembleMatrix({ generatedAt: new Date(0), runs: [broken] })
  expect(matrixSchema.parse(matrix)).toEqual(matrix)
  expect(matrixVerdict(matrix)).toBe('fail')
  expect(matrix.rows[0]?.findings[0]).toMatchObject({ code: 'barrier-not-reached', message: 'no clean cut in 12 attempts', next: error.hint })
  expect(new Set(matrix.rows.slice(1).map(({ findings }) => findings[0]?.code))).toEqual(new Set(['drill-stopped']))
  expect(new Set(matrix.rows.slice(1).map(({ verdict }) => verdict))).toEqual(new Set(['not run']))
})
