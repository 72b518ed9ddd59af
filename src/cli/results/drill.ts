import type { DrillResult } from '../../commands/drill.ts'
import type { DrillAnalyzeResult } from '../../commands/drill-analyze.ts'
import type { DrillEpisodesResult } from '../../commands/drill-episodes.ts'
import type { OriginalRouteResult } from '../../commands/original-route.ts'
import { renderMatrixTable } from '../../drill/report/matrix-table.ts'
import type { Display } from '../outcome.ts'

/** The validation matrix, and where it was written. */
export function drillText(result: DrillResult | DrillEpisodesResult | OriginalRouteResult, display: Display): string {
  const { matrix, written, evidence, verdict } = result
  const table = renderMatrixTable(matrix, display)
  const known =
    verdict === 'known loss' ? 'this run: known loss, in no other ways than docs/original-route.md declares. It says nothing about Datapipe.\n' : ''
  const stack = 'stackDirectory' in result ? result.stackDirectory : undefined
  const each = 'lines' in result ? `\n${result.lines.join('\n')}\n` : ''
  return `${table.trimEnd()}\n${known}${each}\nwritten: ${written.join(', ')}\nevidence: ${evidence}\n${stack === undefined ? '' : `the servers still run; stop them with: datapipe stack down --directory ${stack}\n`}`
}

/** The verdicts of a run that was judged again, and what does not pass. */
export function analyzedText({ drill, rows, verdict, evidence }: DrillAnalyzeResult): string {
  const lines = rows.flatMap(({ component, verdict, findings, evidence }) => [
    `${verdict.padEnd(8)} ${component}: ${evidence.filter((one) => / (pass|fail|unknown)$/.test(one)).join(', ')}`,
    ...(verdict === 'pass' ? [] : findings.filter(({ severity }) => severity !== 'note')).flatMap((finding) => [
      `  ${finding.severity} ${finding.code} ${finding.item}: ${finding.message}`,
      ...(finding.next === undefined ? [] : [`    next: ${finding.next}`]),
    ]),
  ])
  return `${lines.join('\n')}\n\n${drill}: ${verdict}, judged from ${evidence}\n`
}
