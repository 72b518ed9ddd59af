import type { Matrix, MatrixRow } from './matrix.ts'
import type { MatrixRun } from './matrix-run.ts'
import { mainRun, runVerdict } from './matrix-verdict.ts'

/** A row as a drill makes it: which run it is of is said by the run. */
export type RunRow = Omit<MatrixRow, 'run'>

/** What a run measured, as the drill hands it over. */
export type Measured = Pick<MatrixRun, 'stack' | 'versions' | 'recoveryPoint' | 'phases' | 'rto' | 'rpo' | 'seed'>

/** One run that ended, passed or not, or was not to be had. */
export interface FinishedRun {
  run: Omit<MatrixRun, 'verdict'>
  rows: RunRow[]
}

/**
 * The matrix of these runs, and of all runs that stand in `earlier` under other ids. At the top: what the newest full drill of the engine measured
 * (failing that, the newest run).
 */
export function assembleMatrix(options: { generatedAt: Date; runs: FinishedRun[]; earlier?: Matrix | undefined }): Matrix {
  const fresh = new Set(options.runs.map(({ run }) => run.id))
  const kept = (options.earlier?.runs ?? []).filter(({ id }) => !fresh.has(id))
  const runs = [...options.runs.map(({ run, rows }): MatrixRun => ({ ...run, verdict: runVerdict(rows) })), ...kept].sort(newestFirst)
  const rows = [
    ...options.runs.flatMap(({ run, rows }) => rows.map((row): MatrixRow => ({ run: run.id, ...row }))),
    ...(options.earlier?.rows ?? []).filter(({ run }) => !fresh.has(run)),
  ]
  const main = mainRun(runs) as MatrixRun
  const { stack, versions, recoveryPoint, phases, rto, rpo } = main
  return {
    generatedAt: options.generatedAt.toISOString(),
    stack,
    versions,
    recoveryPoint,
    phases,
    rto,
    rpo,
    runs,
    // In the order of the runs; within one, as it made them.
    rows: runs.flatMap(({ id }) => rows.filter(({ run }) => run === id)),
  }
}

function newestFirst(a: MatrixRun, b: MatrixRun): number {
  return new Date(b.at).getTime() - new Date(a.at).getTime()
}
