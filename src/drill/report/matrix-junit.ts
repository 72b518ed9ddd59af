import type { Matrix, MatrixFinding, MatrixRow } from './matrix.ts'
import { countsText } from './matrix-text.ts'

/** `matrix.junit.xml`: a suite for each drill, a case for each row; fail is a failure, unknown an error, not run skipped. */
export function matrixJunit(matrix: Matrix): string {
  const suites = [...Map.groupBy(matrix.rows, (row) => row.drill)]
  const properties = [
    ['stack', matrix.stack],
    ['rto.seconds', matrix.rto?.seconds],
    ['rpo.seconds', matrix.rpo?.seconds],
    ['recoveryPoint.lsn', matrix.recoveryPoint?.postgres?.lsn],
    ...Object.entries(matrix.versions).map(([name, version]) => [`version.${name}`, version]),
    ...matrix.phases.map((phase) => [`phase.${phase.name}`, phase.seconds]),
  ].filter((entry) => entry[1] !== undefined)
  const body = suites.map(([drill, rows]) =>
    [
      `  <testsuite ${totals(drill, rows)} timestamp="${xml(matrix.generatedAt)}">`,
      '    <properties>',
      ...properties.map(([name, value]) => `      <property name="${xml(String(name))}" value="${xml(String(value))}"/>`),
      '    </properties>',
      ...rows.map(testCase),
      '  </testsuite>',
    ].join('\n'),
  )
  return ['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites ${totals('datapipe drill', matrix.rows)}>`, ...body, '</testsuites>', ''].join('\n')
}

function totals(name: string, rows: MatrixRow[]): string {
  const count = (verdict: string) => rows.filter((row) => row.verdict === verdict).length
  const time = rows.reduce((sum, row) => sum + (row.seconds ?? 0), 0).toFixed(3)
  return `name="${xml(name)}" tests="${rows.length}" failures="${count('fail')}" errors="${count('unknown')}" skipped="${count('not run')}" time="${time}"`
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
  }[row.verdict]
  return `${head}${outcome}\n      <system-out>${xml([countsText(row), ...row.evidence].join('\n'))}</system-out>\n    </testcase>`
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
