import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { exampleMatrix, exampleOfSeveralRuns } from './example-matrix.ts'
import { type Matrix, type MatrixRow, matrixSchema } from './matrix.ts'
import { measuredFields } from './matrix-run.ts'
import { isKnownLoss, matrixVerdict, runVerdict } from './matrix-verdict.ts'
import { rowFromChecks, rowNotRun } from './matrix-row.ts'

const first = (matrix: Matrix) => matrix.rows[0] as MatrixRow
/** With the run's verdict put right, so that nothing but the change itself can be what is refused. */
const spoiled = (change: (matrix: Matrix) => void, matrix = exampleMatrix()) => {
  change(matrix)
  for (const run of matrix.runs) run.verdict = runVerdict(matrix.rows.filter((row) => row.run === run.id))
  return matrixSchema.safeParse(matrix)
}

describe('schema', () => {
  test('a good matrix parses, also after a trip through JSON', () => {
    for (const matrix of [exampleMatrix(), exampleOfSeveralRuns()]) expect(matrixSchema.parse(JSON.parse(JSON.stringify(matrix)))).toEqual(matrix)
  })
  test.each<[string, (matrix: Matrix) => void]>([
    ['an unknown key', (matrix) => Object.assign(matrix, { extra: 1 })],
    ['a verdict of its own', (matrix) => Object.assign(first(matrix), { verdict: 'ok' })],
    ['a pass with nothing compared', (matrix) => (first(matrix).counts = { rows: 0 })],
    ['a pass with harm', (matrix) => (first(matrix).findings = (matrix.rows[3] as MatrixRow).findings)],
    ['a fail without harm', (matrix) => (first(matrix).verdict = 'fail')],
    ['a fail without the next command', (matrix) => delete matrix.rows[3]?.findings[0]?.next],
    ['an unknown without the next command', (matrix) => ((matrix.rows[4] as MatrixRow).findings = [])],
    ['not run without a reason', (matrix) => ((matrix.rows[5] as MatrixRow).findings = [])],
    ['no rows', (matrix) => (matrix.rows = [])],
    ['a date that is none', (matrix) => (matrix.generatedAt = 'yesterday')],
    ['an end offset that went through a float', (matrix) => Object.assign(matrix.recoveryPoint?.kafka?.endOffsets ?? {}, { t: { '0': 5 } })],
  ])('refuses %s', (_what, change) => {
    expect(spoiled(change).success).toBe(false)
  })
  const original = (matrix: Matrix) => matrix.rows.at(-1) as MatrixRow
  test.each<[string, (matrix: Matrix) => void]>([
    ['two runs of one id', (matrix) => matrix.runs.push(...matrix.runs.slice(0, 1))],
    ['a row of no run', (matrix) => (first(matrix).run = 'elsewhere')],
    ['a run without rows', (matrix) => (matrix.rows = matrix.rows.slice(0, 4))],
    ['a run that was not run and does not say why', (matrix) => delete matrix.runs[2]?.notRun],
    ['a run with a reason not to be run, that was run', (matrix) => Object.assign(matrix.runs[0] ?? {}, { notRun: 'no engine' })],
    ['known losses of the engine', (matrix) => Object.assign(first(matrix), original(matrix), { run: 'embedded' })],
    ['a pass that lost something', (matrix) => Object.assign(first(matrix), { losses: { tombstones: 1 } })],
    ['a pass where a loss is declared', (matrix) => Object.assign(original(matrix), { verdict: 'pass', findings: [], losses: undefined })],
    ['a loss of nothing', (matrix) => Object.assign(original(matrix).losses ?? {}, { tombstones: 0 })],
  ])('refuses, of several runs, %s', (_what, change) => {
    expect(spoiled(change, exampleOfSeveralRuns()).success).toBe(false)
  })
  test('refuses a run whose verdict is not that of its rows', () => {
    const matrix = exampleOfSeveralRuns()
    Object.assign(matrix.runs[3] ?? {}, { verdict: 'pass' })
    expect(matrixSchema.safeParse(matrix).error?.issues.map(({ message }) => message)).toEqual([
      'run original-route-embedded says pass, its rows say known loss',
    ])
  })
  test('nothing measured is said with null', () => {
    expect(spoiled((matrix) => Object.assign(matrix, { rto: null, rpo: null, recoveryPoint: null })).success).toBe(true)
  })
})

describe('verdict', () => {
  const keep = (...verdicts: string[]) => {
    const matrix = exampleMatrix()
    matrix.rows = matrix.rows.filter((row) => verdicts.includes(row.verdict))
    return matrixVerdict(matrix)
  }
  test('fail beats unknown beats pass', () => {
    expect([keep('pass', 'unknown', 'fail', 'not run'), keep('pass', 'unknown'), keep('pass', 'not run')]).toEqual(['fail', 'unknown', 'pass'])
  })
  test('when nothing was run nobody can tell', () => expect(keep('not run')).toBe('unknown'))
  test('known losses of another way, and runs that were not to be had, leave a pass of the engine a pass', () => {
    expect(matrixVerdict(exampleOfSeveralRuns())).toBe('pass')
  })
  test('another way alone passes nothing, whatever of it passes', () => {
    const matrix = exampleOfSeveralRuns()
    matrix.runs = matrix.runs.filter(({ subject }) => subject === 'reference')
    expect(matrixVerdict(matrix)).toBe('unknown')
  })
  test('harm of a kind that is not declared is a failure like every other', () => {
    const row = exampleOfSeveralRuns().rows.at(-1) as MatrixRow
    expect([isKnownLoss(row), runVerdict([row])]).toEqual([true, 'known loss'])
    row.findings.push({ ...(row.findings[0] as MatrixRow['findings'][number]), code: 'topic-missing' })
    expect([isKnownLoss(row), runVerdict([row])]).toEqual([false, 'fail'])
  })
})

describe('rows', () => {
  const description = { drill: 'd', component: 'registry', tool: 'REST', format: 'JSON' }
  test('a row takes the worst verdict and the first of counts with one name', () => {
    const row = rowFromChecks({ ...description, bytes: 5 }, [
      { checker: 'same-schemas', verdict: 'pass', counts: { records: 1, versions: 2 }, findings: [] },
      { checker: 'ids-decode', verdict: 'unknown', counts: { records: 9, ids: 3 }, findings: [] },
    ])
    expect(row).toMatchObject({
      verdict: 'unknown',
      counts: { records: 1, versions: 2, ids: 3 },
      bytes: 5,
      seconds: null,
      evidence: ['same-schemas: pass', 'ids-decode: unknown'],
    })
  })
  test('a row that no checker looked at is unknown and a good row of a matrix', () => {
    const found = spoiled((matrix) => (matrix.rows = [{ run: 'embedded', ...rowFromChecks(description, []) }]))
    expect(found.data?.rows[0]).toMatchObject({ verdict: 'unknown', findings: [{ code: 'not-checked' }] })
  })
  test('what was not run says why', () => {
    const reason = { severity: 'note', code: 'no-way', component: 'registry', item: 'x', message: 'not here' } as const
    const found = spoiled((matrix) => {
      matrix.rows = [{ run: 'embedded', ...rowNotRun(description, reason) }]
      Object.assign(matrix.runs[0] ?? {}, { notRun: 'no way' })
    })
    expect(found.data?.rows[0]?.verdict).toBe('not run')
  })
})

test('docs/matrix.md names every field, and its example is a matrix', async () => {
  const text = await readFile(new URL('../../../docs/matrix.md', import.meta.url), 'utf8')
  const example = /```json\n([\s\S]*?)```/.exec(text)?.[1]
  const parsed = matrixSchema.parse(JSON.parse(example ?? ''))
  expect(parsed.rows.length).toBeGreaterThan(0)
  const keys = new Set<string>()
  const collect = (schema: unknown, path: string): void => {
    const { def } = schema as { def: { type: string; shape?: Record<string, unknown>; innerType?: unknown; element?: unknown; options?: unknown[] } }
    // What the top repeats of its newest run is described there.
    const repeated = /^runs\[\]\.(.+)/.exec(path)?.[1]
    if (repeated !== undefined && repeated in measuredFields) keys.add(path)
    else if (def.options !== undefined) for (const option of def.options) collect(option, path)
    else if (def.type === 'object') for (const [key, value] of Object.entries(def.shape ?? {})) collect(value, path === '' ? key : `${path}.${key}`)
    else if (def.innerType !== undefined) collect(def.innerType, path)
    else if (def.element !== undefined) collect(def.element, `${path}[]`)
    if (path !== '') keys.add(path)
  }
  collect(matrixSchema, '')
  expect(keys.size).toBeGreaterThan(25)
  const documented = new Set([...text.matchAll(/^\| `([^`]+)` +\|/gm)].map((match) => match[1] as string))
  expect([...keys].filter((key) => !documented.has(key))).toEqual([])
  expect([...documented].filter((key) => !keys.has(key))).toEqual([])
})
