import type { Matrix, MatrixFinding, MatrixRow } from './matrix.ts'
import { type MatrixRun, runTitle } from './matrix-run.ts'
import { countsText, lossesText, verdictText } from './matrix-text.ts'

/**
 * `matrix.junit.xml`: a suite for each run, a case for each row; fail is a failure, unknown an error, not run skipped. A known loss is skipped
 * too, with its losses: a reader of JUnit has no other word for what is neither.
 */
export function matrixJunit(matrix: Matrix): string {
  const suites = matrix.runs.map((run) => [run, matrix.rows.filter((row) => row.run === run.id)] as const)
  const body = suites.map(([run, rows]) =>
    [
      `  <testsuite ${totals(runTitle(run), rows)} timestamp="${xml(run.at)}">`,
      '    <properties>',
      ...properties(run).map(([name, value]) => `      <property name="${xml(name)}" value="${xml(String(value))}"/>`),
      '    </properties>',
      ...rows.map(testCase),
      '  </testsuite>',
    ].join('\n'),
  )
  return ['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites ${totals('datapipe drill', matrix.rows)}>`, ...body, '</testsuites>', ''].join('\n')
}

function properties(run: MatrixRun): [string, string | number][] {
  const all: [string, string | number | null | undefined][] = [
    ['run', run.id],
    ['stack', run.stack],
    ['profile', run.profile],
    ['subject', run.subject],
    ['seed', run.seed],
    ['rto.seconds', run.rto?.seconds],
    ['rpo.seconds', run.rpo?.seconds],
    ['recoveryPoint.lsn', run.recoveryPoint?.postgres?.lsn],
    ['engine', run.engine === 'process' ? 'process' : run.engine.image],
    ['memory.engineLimitBytes', run.memory?.engineLimitBytes],
    ['memory.enginePeakBytes', run.memory?.enginePeakBytes],
    ['memory.stackPeakBytes', run.memory?.stackPeakBytes],
    ['memory.missedLooks', run.memory?.missedLooks],
    ...Object.entries(run.versions).map(([name, version]): [string, string] => [`version.${name}`, version]),
    ...run.phases.map((phase): [string, number] => [`phase.${phase.name}`, phase.seconds]),
  ]
  return all.filter((entry): entry is [string, string | number] => entry[1] !== undefined && entry[1] !== null)
}

function totals(name: string, rows: MatrixRow[]): string {
  const count = (...verdicts: string[]) => rows.filter((row) => verdicts.includes(verdictText(row))).length
  const time = rows.reduce((sum, row) => sum + (row.seconds ?? 0), 0).toFixed(3)
  return `name="${xml(name)}" tests="${rows.length}" failures="${count('fail')}" errors="${count('unknown')}" skipped="${count('not run', 'known loss')}" time="${time}"`
}

function testCase(row: MatrixRow): string {
  const head = `    <testcase classname="${xml(row.drill)}" name="${xml([row.component, row.tool, row.format].join(' / '))}" time="${(row.seconds ?? 0).toFixed(3)}">`
  const first = row.findings.find((finding) => finding.severity === 'harm') ?? row.findings[0]
  const message = xml(first === undefined ? row.verdict : `${first.item}: ${first.message}`)
  const details = xml(row.findings.map(findingText).join('\n'))
  const outcome = {
    pass: '',
    fail: `\n      <failure type="${xml(first?.code ?? 'fail')}" message="${message}">${details}</failure>`,
    unknown: `\n      <error type="${xml(first?.code ?? 'unknown')}" message="${message}">${details}</error>`,
    'not run': `\n      <skipped message="${message}"/>`,
    'known loss': `\n      <skipped message="${xml(`known loss: ${lossesText(row)}`)}"/>`,
  }[verdictText(row)]
  return `${head}${outcome}\n      <system-out>${xml([countsText(row), lossesText(row), ...row.evidence].filter((line) => line !== '').join('\n'))}</system-out>\n    </testcase>`
}

function findingText(finding: MatrixFinding): string {
  return `${finding.severity} ${finding.code} ${finding.item}: ${finding.message}${finding.next ? `\n  next: ${finding.next}` : ''}`
}

/** XML 1.0 has no way to say most control characters, escaped or not: they become U+FFFD. */
function xml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
