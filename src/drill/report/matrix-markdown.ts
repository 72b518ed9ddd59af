import type { Matrix, MatrixRow } from './matrix.ts'
import { type MatrixRun, runTitle } from './matrix-run.ts'
import {
  ageText,
  bytesText,
  countsText,
  engineText,
  lossesText,
  memoryText,
  recoveryPointFacts,
  rpoText,
  rtoPhasesText,
  rtoText,
} from './matrix-text.ts'
import { secondsText, tally, verdictText, versionsText } from './matrix-text.ts'
import { matrixVerdict } from './matrix-verdict.ts'

/** `matrix.md`: the tables for people who read the repository. */
export function matrixMarkdown(matrix: Matrix): string {
  const runs = matrix.runs.length === 1 ? '' : `, ${matrix.runs.length} runs`
  const lines = [
    '# Validation matrix',
    '',
    `**${matrixVerdict(matrix)}**: ${tally(matrix)}${runs}. Made ${matrix.generatedAt}; the newest full drill ran on the ${matrix.stack} stack.`,
    '',
    `RTO ${rtoText(matrix)}, RPO ${rpoText(matrix)}.`,
  ]
  if (matrix.runs.length > 1) lines.push('', '## Runs', '', runsTable(matrix))
  for (const run of matrix.runs) {
    const rows = matrix.rows.filter((row) => row.run === run.id)
    lines.push('', `## ${capital(escaped(runTitle(run)))}`, '', rowsTable(rows), ...findings(rows))
  }
  lines.push(
    '',
    '## Phases',
    '',
    table(
      ['phase', 'seconds'],
      matrix.phases.map((phase) => [phase.name, phase.seconds.toFixed(1)]),
    ),
  )
  lines.push('', '## Recovery point', '', table(['', ''], recoveryPointFacts(matrix)))
  lines.push('', '## Versions', '', table(['server', 'version'], Object.entries(matrix.versions)), '')
  return lines.join('\n')
}

function runsTable(matrix: Matrix): string {
  return table(
    ['run', 'verdict', 'rows', 'RTO', 'RPO', 'engine', 'peak memory', 'versions', 'ended'],
    matrix.runs.map((run) => [
      runTitle(run),
      run.verdict === 'pass' ? 'pass' : `**${run.verdict}**${run.notRun === undefined ? '' : `: ${run.notRun}`}`,
      tally({ rows: matrix.rows.filter((row) => row.run === run.id) }),
      [secondsText(run.rto?.seconds ?? null), ...(run.rto?.phases === undefined ? [] : [`(${rtoPhasesText(run)})`])].join(' '),
      secondsText(run.rpo?.seconds ?? null),
      engineText(run),
      memoryText(run),
      versionsText(run),
      ended(run, matrix),
    ]),
  )
}

function ended(run: MatrixRun, matrix: Matrix): string {
  const age = ageText(run, matrix.generatedAt)
  return age === '' ? run.at : `${run.at} (${age})`
}

function rowsTable(rows: MatrixRow[]): string {
  return table(
    ['drill', 'component', 'tool', 'format', 'verdict', 'compared', 'stored', 'restored in'],
    rows.map((row) => [
      row.drill,
      row.component,
      row.tool,
      row.format,
      row.verdict === 'pass' ? 'pass' : `**${verdictText(row)}**`,
      [countsText(row), lossesText(row)].filter((text) => text !== '').join('; '),
      bytesText(row.bytes),
      secondsText(row.seconds),
    ]),
  )
}

function findings(rows: MatrixRow[]): string[] {
  const all = rows.flatMap((row) => row.findings.map((finding) => ({ row, finding })))
  if (all.length === 0) return []
  return [
    '',
    '### Findings',
    '',
    ...all.flatMap(({ row, finding }) => [
      `- ${finding.severity} in ${row.component}: \`${inline(finding.item)}\` ${escaped(finding.message)} (${finding.code})`,
      ...(finding.next ? [`  next: \`${inline(finding.next)}\``] : []),
    ]),
  ]
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map(escaped).join(' | ')} |`
  return [line(head), `|${head.map(() => ' --- |').join('')}`, ...rows.map(line)].join('\n')
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('<', '&lt;').replace(/\s+/g, ' ')
}

function inline(text: string): string {
  return text.replaceAll('`', "'").replace(/\s+/g, ' ')
}

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1)
