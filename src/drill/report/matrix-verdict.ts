import type { Matrix, MatrixRow } from './matrix.ts'
import type { MatrixRun } from './matrix-run.ts'

/**
 * The row fails in the very ways that its tool is declared to fail in, and in no other: evidence of what that tool loses. It is no pass,
 * and no reason for a red night either. docs/decisions/0005-known-loss.md
 */
export function isKnownLoss(row: Pick<MatrixRow, 'verdict' | 'findings' | 'knownLosses'>): boolean {
  const declared = row.knownLosses ?? []
  return row.verdict === 'fail' && row.findings.every(({ severity, code }) => severity !== 'harm' || declared.includes(code))
}

/** The run whose figures stand at the top: the newest that lost everything, failing that the newest of the engine that measured an RTO, failing that the newest. */
export function mainRun(runs: readonly MatrixRun[]): MatrixRun | undefined {
  const ran = runs.filter(({ subject, notRun }) => subject === 'engine' && notRun === undefined)
  return ran.find(({ drill }) => drill === 'lose everything') ?? ran.find(({ rto }) => rto !== null) ?? ran[0] ?? runs[0]
}

/** One verdict for the rows of one run: fail beats unknown beats known loss beats pass; nothing but rows that were not run is `not run`. */
export function runVerdict(rows: Pick<MatrixRow, 'verdict' | 'findings' | 'knownLosses'>[]): MatrixRun['verdict'] {
  if (rows.some((row) => row.verdict === 'fail' && !isKnownLoss(row))) return 'fail'
  if (rows.some(({ verdict }) => verdict === 'unknown')) return 'unknown'
  if (rows.some(isKnownLoss)) return 'known loss'
  if (rows.some(({ verdict }) => verdict === 'pass')) return 'pass'
  return rows.length > 0 ? 'not run' : 'unknown'
}

/**
 * One verdict for all runs: fail beats unknown beats pass. Only runs of the engine can make it pass: those of a reference show what another way does,
 * and a matrix of nothing else, or of nothing that was run, is unknown. Runs that were not run change nothing, and every form counts them beside the verdict.
 */
export function matrixVerdict(matrix: Matrix): 'pass' | 'fail' | 'unknown' {
  const verdicts = matrix.runs.map((run) => runVerdict(matrix.rows.filter((row) => row.run === run.id)))
  if (verdicts.includes('fail')) return 'fail'
  if (verdicts.includes('unknown')) return 'unknown'
  return matrix.runs.some((run, index) => run.subject === 'engine' && verdicts[index] === 'pass') ? 'pass' : 'unknown'
}
