import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { assembleMatrix, type FinishedRun } from './assemble-matrix.ts'
import { exampleOfSeveralRuns } from './example-matrix.ts'
import { matrixSchema } from './matrix.ts'
import { readMatrix } from './read-matrix.ts'
import { reportRuns } from './report-runs.ts'
import { runNotRun } from './run-not-run.ts'
import { writeMatrix } from './write-matrix.ts'

const at = new Date('2026-11-26T00:00:00Z')

/** A run of the example, made again a day later. */
function again(id: string): FinishedRun {
  const { runs, rows } = exampleOfSeveralRuns()
  const { verdict: _, ...run } = runs.find((one) => one.id === id) ?? expect.fail(`no run ${id}`)
  return {
    run: { ...run, at: at.toISOString(), versions: { again: '1' } },
    rows: rows.filter((row) => row.run === id).map(({ run: __, ...row }) => row),
  }
}

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'matrix-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

test('a run replaces the older one of its id, and all others stay with their rows and their age', () => {
  const earlier = exampleOfSeveralRuns()
  const matrix = assembleMatrix({ generatedAt: at, runs: [again('original-route-embedded')], earlier })
  expect(matrixSchema.parse(matrix)).toEqual(matrix)
  expect(matrix.runs.map(({ id }) => id)).toEqual([
    'original-route-embedded',
    'embedded',
    'containers-local-pg17-kafka3.9-dbz2.7-512m',
    'containers-official',
  ])
  expect(matrix.runs[0]).toMatchObject({ versions: { again: '1' }, at: at.toISOString(), verdict: 'known loss' })
  expect(matrix.runs[1]).toEqual(earlier.runs[0])
  expect(matrix.rows).toHaveLength(earlier.rows.length)
})

test('what stands at the top is of the newest full drill of the engine, not of another way, nor of one that was not run', () => {
  const earlier = exampleOfSeveralRuns()
  const runs = [again('original-route-embedded'), again('containers-official')]
  expect(assembleMatrix({ generatedAt: at, runs, earlier })).toMatchObject({ stack: 'embedded', versions: earlier.versions, rpo: earlier.rpo })
  const withContainers = assembleMatrix({ generatedAt: at, runs: [again('containers-local-pg17-kafka3.9-dbz2.7-512m')], earlier })
  expect(withContainers).toMatchObject({ stack: 'containers', versions: { again: '1' } })
})

test('a run that was not to be had stands there with its reason', () => {
  const run = { id: 'containers-local', drill: 'lose everything', subject: 'engine', stack: 'containers', engine: 'process' } as const
  const matrix = assembleMatrix({ generatedAt: at, runs: [runNotRun(run, at, 'no container engine answers')] })
  expect(matrixSchema.parse(matrix)).toEqual(matrix)
  expect(matrix.runs[0]).toMatchObject({ verdict: 'not run', notRun: 'no container engine answers' })
  expect(matrix.rows[0]?.findings).toMatchObject([{ severity: 'note', code: 'not-run', message: 'no container engine answers' }])
})

test('adding keeps what stands there; not adding replaces it', async () => {
  const path = await directory()
  await writeMatrix(exampleOfSeveralRuns(), path)
  const runs = [again('embedded')]
  expect((await reportRuns({ runs, directory: path, add: true, at })).matrix.runs).toHaveLength(4)
  expect((await readMatrix(path))?.runs).toHaveLength(4)
  expect((await reportRuns({ runs, directory: path, add: false, at })).matrix.runs).toHaveLength(1)
})

test('the first run may be added to nothing', async () => {
  const path = await directory()
  expect(await readMatrix(path)).toBeUndefined()
  expect((await reportRuns({ runs: [again('embedded')], directory: path, add: true, at })).matrix.runs).toHaveLength(1)
})

test.each([
  ['no JSON', '{'],
  ['of another shape', '{"rows":[]}'],
])('a matrix that is %s is not overwritten by a run that was to be added', async (_what, text) => {
  const path = await directory()
  const file = join(path, 'matrix.json')
  await writeFile(file, text)
  await expect(reportRuns({ runs: [again('embedded')], directory: path, add: true, at })).rejects.toMatchObject({ code: 'usage', path: file })
  expect(await readFile(file, 'utf8')).toBe(text)
})
