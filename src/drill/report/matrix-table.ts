import { stripVTControlCharacters, styleText } from 'node:util'
import type { Matrix, MatrixRow } from './matrix.ts'
import { type MatrixRun, runTitle } from './matrix-run.ts'
import { ageText, bytesText, countsText, lossesText, memoryText, rpoText, rtoText, secondsText, tally, verdictText } from './matrix-text.ts'
import { matrixVerdict } from './matrix-verdict.ts'

export interface TableOptions {
  /** Columns of the terminal; no line is longer. Below 40 it is taken as 40. */
  width: number
  color: boolean
}

const styles: Record<MatrixRun['verdict'], Parameters<typeof styleText>[0]> = {
  pass: 'green',
  fail: ['red', 'bold'],
  unknown: ['yellow', 'bold'],
  'not run': 'dim',
  'known loss': 'magenta',
}

/** The matrix for a terminal: a table for each run, then the newest full drill's phases, RTO and RPO, then what was found and what to type next. Ends with the verdict. */
export function renderMatrixTable(matrix: Matrix, options: TableOptions): string {
  const width = Math.max(40, options.width)
  const paint = (style: Parameters<typeof styleText>[0], text: string) => (options.color ? styleText(style, text, { validateStream: false }) : text)
  const colored = (verdict: MatrixRun['verdict'], text: string) => paint(styles[verdict], text)
  const lines: string[] = []
  for (const run of matrix.runs) {
    const rows = matrix.rows.filter((row) => row.run === run.id)
    const facts = [ageText(run, matrix.generatedAt), memoryText(run)].filter((text) => text !== '')
    lines.push(paint('bold', clipped(printable([runTitle(run), ...facts].join(' · ')), width)))
    const cells = rows.map(cellsOf)
    const head = ['', 'component', 'tool', 'format', 'compared', 'stored', 'seconds']
    const widths = columnWidths(head, cells, width)
    const line = (values: string[]) =>
      values
        .map((value, column) => {
          const room = widths[column] as number
          const text = clipped(value, room)
          return column >= 5 ? text.padStart(room) : text.padEnd(room)
        })
        .filter((_text, column) => (widths[column] as number) > 0)
        .join('  ')
        .trimEnd()
    lines.push(paint('dim', line(head)))
    for (const [index, row] of rows.entries()) {
      const text = line(cells[index] as string[])
      lines.push(colored(verdictText(row), text.slice(0, widths[0])) + text.slice(widths[0] as number))
    }
    lines.push('')
  }
  const longest = Math.max(...matrix.phases.map((phase) => phase.seconds), 0.001)
  const named = Math.min(26, Math.max(0, ...matrix.phases.map((phase) => printable(phase.name).length)))
  const room = Math.max(5, Math.min(40, width - named - 14))
  for (const phase of matrix.phases) {
    const bar = '█'.repeat(Math.max(1, Math.round((phase.seconds / longest) * room)))
    lines.push(`${clipped(printable(phase.name), named).padEnd(named)} ${secondsText(phase.seconds).padStart(11)} ${paint('cyan', bar)}`)
  }
  if (matrix.phases.length > 0) lines.push('')
  for (const row of matrix.rows)
    for (const finding of row.findings.filter((one) => one.severity !== 'note')) {
      lines.push(
        ...wrapped(
          `${colored(verdictText(row), verdictText(row))} ${row.component}: ${printable(finding.item)}: ${printable(finding.message)}`,
          width,
          '  ',
        ),
      )
      if (finding.next) lines.push(...wrapped(`next: ${printable(finding.next)}`, width, '  ', '  '))
    }
  lines.push(...wrapped(`RTO ${rtoText(matrix)}, RPO ${rpoText(matrix)}`, width, ''))
  const verdict = matrixVerdict(matrix)
  lines.push(colored(verdict, clipped(`${verdict}: ${tally(matrix)}`, width)))
  return lines.join('\n')
}

function cellsOf(row: MatrixRow): string[] {
  return [
    verdictText(row),
    row.component,
    row.tool,
    row.format,
    [lossesText(row), countsText(row)].filter((text) => text !== '').join('; '),
    bytesText(row.bytes),
    row.seconds === null ? '' : row.seconds.toFixed(1),
  ].map(printable)
}

/** Natural widths where they fit; otherwise counts give way first, then format and tool; columns that hold nothing, or too little, go. */
function columnWidths(head: string[], cells: string[][], width: number): number[] {
  const natural = head.map((title, column) => {
    const longest = Math.max(0, ...cells.map((row) => (row[column] as string).length))
    return longest === 0 ? 0 : Math.max(longest, title.length)
  })
  const over = () => natural.reduce((sum, one) => sum + (one > 0 ? one + 2 : 0), -2) - width
  for (const [column, least] of [
    [4, 12],
    [3, 8],
    [2, 8],
    [1, 10],
    [4, 0],
    [3, 0],
    [5, 0],
    [2, 0],
    [6, 0],
  ] as const)
    if (over() > 0) natural[column] = least === 0 ? 0 : Math.max(Math.min(natural[column] as number, least), (natural[column] as number) - over())
  return natural
}

function clipped(text: string, room: number): string {
  if (room <= 0) return ''
  return text.length <= room ? text : `${text.slice(0, room - 1)}…`
}

/** One line without control characters: what a row or a record holds must not steer the terminal. */
function printable(text: string): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
}

/** Breaks at spaces, and within words that are longer than a line. Escape sequences take no room. */
function wrapped(text: string, width: number, indent: string, begin = ''): string[] {
  const lines: string[] = []
  let line = begin
  for (const word of text.split(' ')) {
    const glued = line === begin ? begin + word : `${line} ${word}`
    if (stripVTControlCharacters(glued).length <= width) {
      line = glued
      continue
    }
    if (line !== begin) lines.push(line)
    line = indent + word
    while (stripVTControlCharacters(line).length > width) {
      lines.push(line.slice(0, width))
      line = indent + line.slice(width)
    }
  }
  return [...lines, line]
}
