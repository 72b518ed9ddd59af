import { assembleMatrix, type FinishedRun } from './assemble-matrix.ts'
import type { Matrix } from './matrix.ts'
import { readMatrix } from './read-matrix.ts'
import { writeMatrix } from './write-matrix.ts'

export interface ReportRuns {
  runs: FinishedRun[]
  /** Where matrix.json and the other forms go. */
  directory: string
  /** Keep the rows of other runs that stand there; otherwise the matrix holds these runs alone. */
  add: boolean
  at: Date
}

/** Writes the matrix of runs that ended. Throws `usage` when it was to be added to something that is no matrix; a drill looks with `readMatrix` before it starts. */
export async function reportRuns({ runs, directory, add, at }: ReportRuns): Promise<{ matrix: Matrix; written: string[] }> {
  const matrix = assembleMatrix({ generatedAt: at, runs, earlier: add ? await readMatrix(directory) : undefined })
  return { matrix, written: await writeMatrix(matrix, directory) }
}
