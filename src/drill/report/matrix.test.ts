import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { exampleMatrix } from './example-matrix.ts'
import { type Matrix, type MatrixRow, matrixSchema, matrixVerdict } from './matrix.ts'
import { rowFromChecks, rowNotRun } from './matrix-row.ts'

const first = (matrix: Matrix) => matrix.rows[0] as MatrixRow
const spoiled = (change: (matrix: Matrix) => void) => {
  const matrix = exampleMatrix()
  change(matrix)
  return matrixSchema.safeParse(matrix)
}

describe('schema', () => {
  test('a good matrix parses, also after a trip through JSON', () => {
    expect(matrixSchema.parse(JSON.parse(JSON.stringify(exampleMatrix())))).toEqual(exampleMatrix())
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
    const matrix = { ...exampleMatrix(), rows: [rowFromChecks(description, [])] }
    expect(matrixSchema.parse(matrix).rows[0]?.verdict).toBe('unknown')
  })
  test('what was not run says why', () => {
    const reason = { severity: 'note', code: 'no-way', component: 'registry', item: 'x', message: 'not here' } as const
    expect(matrixSchema.safeParse({ ...exampleMatrix(), rows: [rowNotRun(description, reason)] }).success).toBe(true)
  })
})

test('docs/matrix.md names every field, and its example is a matrix', async () => {
  const text = await readFile(new URL('../../../docs/matrix.md', import.meta.url), 'utf8')
  const example = /```json\n([\s\S]*?)```/.exec(text)?.[1]
  const parsed = matrixSchema.parse(JSON.parse(example ?? ''))
  expect(parsed.rows.length).toBeGreaterThan(0)
  const keys = new Set<string>()
  const collect = (schema: unknown, path: string): void => {
    const { def } = schema as { def: { type: string; shape?: Record<string, unknown>; innerType?: unknown; element?: unknown } }
    if (def.type === 'object') for (const [key, value] of Object.entries(def.shape ?? {})) collect(value, path === '' ? key : `${path}.${key}`)
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
