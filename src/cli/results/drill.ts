import type { DrillResult } from '../../commands/drill.ts'
import { renderMatrixTable } from '../../drill/report/matrix-table.ts'
import type { Display } from '../run-command.ts'

/** The validation matrix, and where it was written. */
export function drillText({ matrix, written, evidence, stackDirectory }: DrillResult, display: Display): string {
  const table = renderMatrixTable(matrix, display)
  return `${table.trimEnd()}\n\nwritten: ${written.join(', ')}\nevidence: ${evidence}\n${stackDirectory === undefined ? '' : `the servers still run; stop them with: datapipe stack down --directory ${stackDirectory}\n`}`
}
