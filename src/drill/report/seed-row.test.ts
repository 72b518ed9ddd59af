import { expect, test } from 'vitest'
import { matrixSchema } from './matrix.ts'
import { exampleMatrix } from './example-matrix.ts'
import { seedRow } from './seed-row.ts'

const description = { seed: 17, plan: 'all, no fault', again: 'npm run drill -- --seed 17 --runs 1', seconds: 20, evidence: 'runs/seed-17/x' }
const rows = (verdict: 'pass' | 'fail') =>
  exampleMatrix()
    .rows.filter((row) => row.verdict === 'pass')
    .map(({ run: _run, ...row }, index) =>
      index > 0 || verdict === 'pass'
        ? row
        : {
            ...row,
            verdict,
            findings: [{ severity: 'harm' as const, code: 'row-missing', component: 'postgres' as const, item: 'a', message: 'b', next: 'c' }],
          },
    )

test('a whole run is one row: its seed, its plan, its totals, how to run it again', () => {
  const row = seedRow(description, rows('pass'))
  expect(row).toMatchObject({ component: 'seed 17', format: 'all, no fault', verdict: 'pass', findings: [] })
  expect(row.evidence.join(' ')).toContain('--seed 17 --runs 1')
  expect(row.counts.rows).toBeGreaterThan(0)
  const [run] = exampleMatrix().runs
  if (run === undefined) throw new Error('the example has a run')
  expect(() => matrixSchema.parse({ ...exampleMatrix(), runs: [{ ...run, verdict: 'pass' }], rows: [{ ...row, run: run.id }] })).not.toThrow()
})

test('one part that fails is the verdict, and what it found stands in the row', () => {
  expect(seedRow(description, rows('fail'))).toMatchObject({ verdict: 'fail', findings: [{ code: 'row-missing' }] })
})
