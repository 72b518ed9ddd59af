import type { DrillResult } from '../../commands/drill.ts'
import type { OriginalRouteResult } from '../../commands/original-route.ts'
import { renderMatrixTable } from '../../drill/report/matrix-table.ts'
import type { Display } from '../outcome.ts'

/** The validation matrix, and where it was written. */
export function drillText(result: DrillResult | OriginalRouteResult, display: Display): string {
  const { matrix, written, evidence, verdict } = result
  const table = renderMatrixTable(matrix, display)
  const known =
    verdict === 'known loss' ? 'this run: known loss, in no other ways than docs/original-route.md declares. It says nothing about Datapipe.\n' : ''
  const stack = 'stackDirectory' in result ? result.stackDirectory : undefined
  return `${table.trimEnd()}\n${known}\nwritten: ${written.join(', ')}\nevidence: ${evidence}\n${stack === undefined ? '' : `the servers still run; stop them with: datapipe stack down --directory ${stack}\n`}`
}
