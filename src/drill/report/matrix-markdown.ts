import { type Matrix, matrixVerdict } from './matrix.ts'
import { bytesText, countsText, recoveryPointFacts, rpoText, rtoText, secondsText, tally } from './matrix-text.ts'

/** `matrix.md`: the table for people who read the repository. */
export function matrixMarkdown(matrix: Matrix): string {
  const lines = [
    '# Validation matrix',
    '',
    `**${matrixVerdict(matrix)}**: ${tally(matrix)}. Made ${matrix.generatedAt} on the ${matrix.stack} stack.`,
    '',
    `RTO ${rtoText(matrix)}, RPO ${rpoText(matrix)}.`,
    '',
    table(
      ['drill', 'component', 'tool', 'format', 'verdict', 'compared', 'stored', 'restored in'],
      matrix.rows.map((row) => [
        row.drill,
        row.component,
        row.tool,
        row.format,
        row.verdict === 'pass' ? 'pass' : `**${row.verdict}**`,
        countsText(row),
        bytesText(row.bytes),
        secondsText(row.seconds),
      ]),
    ),
  ]
  const findings = matrix.rows.flatMap((row) => row.findings.map((finding) => ({ row, finding })))
  if (findings.length > 0) {
    lines.push('', '## Findings', '')
    for (const { row, finding } of findings) {
      lines.push(`- ${finding.severity} in ${row.component}: \`${inline(finding.item)}\` ${escaped(finding.message)} (${finding.code})`)
      if (finding.next) lines.push(`  next: \`${inline(finding.next)}\``)
    }
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
