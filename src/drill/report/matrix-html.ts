import { type Matrix, type MatrixFinding, type MatrixRow, type MatrixVerdict, matrixVerdict } from './matrix.ts'
import { matrixStyle } from './matrix-style.ts'
import { bytesText, countsText, recoveryPointFacts, secondsText, tally } from './matrix-text.ts'

const marks: Record<MatrixVerdict, string> = { pass: '✓', fail: '✗', unknown: '?', 'not run': '–' }
const headlines = {
  pass: 'Lost, restored, and the same',
  fail: 'Restored, but not the same',
  unknown: 'Restored, but nobody can tell',
}

/** `matrix.html`: one page that needs nothing else, for screen (light and dark) and paper. */
export function matrixHtml(matrix: Matrix): string {
  const verdict = matrixVerdict(matrix)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${html(`${verdict}: validation matrix, ${day(matrix.generatedAt)}`)}</title>
<style>${matrixStyle}</style>
</head>
<body>
<header class="${verdict}">
<p class="eyebrow">Datapipe validation matrix</p>
<h1><span class="mark" aria-hidden="true">${marks[verdict]}</span>${headlines[verdict]}</h1>
<p>${html(tally(matrix))} · ${html(matrix.stack)} stack · <time datetime="${html(matrix.generatedAt)}">${html(moment(matrix.generatedAt))}</time></p>
</header>
<main>
<section class="figures" aria-label="Key figures">${figures(matrix)}</section>
${[...Map.groupBy(matrix.rows, (row) => row.drill)].map(([drill, rows]) => drillSection(drill, rows)).join('\n')}
<section><h2>Phases</h2>${phases(matrix)}</section>
<div class="pair">
<section><h2>Recovery point</h2>${facts(recoveryPointFacts(matrix))}</section>
<section><h2>Versions</h2>${facts(Object.entries(matrix.versions))}</section>
</div>
</main>
</body>
</html>
`
}

function figures(matrix: Matrix): string {
  // Only where the thing is the row's own: the registry's row counts the records that it decoded, once more.
  const compared = (name: string, components: RegExp) =>
    matrix.rows.filter((row) => components.test(row.component)).reduce((sum, row) => sum + (row.counts[name] ?? 0), 0)
  const stored = matrix.rows.reduce((sum, row) => sum + (row.bytes ?? 0), 0)
  const { rto, rpo } = matrix
  const lost = rpo === null ? 'not measured' : `${rpo.transactionsLost} acknowledged transactions came after the recovery point`
  const all: [string, string, string][] = [
    ['RTO', rto === null ? '–' : secondsText(rto.seconds), rto === null ? 'not measured' : 'from the loss to a new row seen in Kafka'],
    ['RPO', rpo === null ? '–' : secondsText(rpo.seconds), lost],
    ['Rows', number(compared('rows', /postgres/i)), 'of PostgreSQL, each compared'],
    ['Records', number(compared('records', /topics/i)), 'of Kafka: key, value, headers, timestamp, order'],
    ['Stored', bytesText(stored), 'in the backup'],
  ]
  return all
    .map(([label, value, note]) => `<div><span class="label">${label}</span><strong>${html(value)}</strong><small>${html(note)}</small></div>`)
    .join('')
}

function drillSection(drill: string, rows: MatrixRow[]): string {
  return `<section><h2>${html(capital(drill))}</h2>
<div class="scroll"><table>
<thead><tr><th>Verdict</th><th>Component</th><th>Tool</th><th>Format</th><th>Compared</th><th class="number">Stored</th><th class="number">Restored in</th></tr></thead>
<tbody>${rows.map(rowHtml).join('\n')}</tbody>
</table></div></section>`
}

function rowHtml(row: MatrixRow): string {
  const cells = [row.tool, row.format, countsText(row)].map((text) => `<td>${html(text)}</td>`).join('')
  const line = `<tr class="${css(row.verdict)}"><td><span class="chip"><span aria-hidden="true">${marks[row.verdict]}</span> ${row.verdict}</span></td><th scope="row">${html(row.component)}</th>${cells}<td class="number">${html(bytesText(row.bytes))}</td><td class="number">${html(secondsText(row.seconds))}</td></tr>`
  const below = details(row)
  return below === '' ? line : `${line}\n<tr class="details ${css(row.verdict)}"><td></td><td colspan="6">${below}</td></tr>`
}

/** Open where something is wrong; on paper always. */
function details(row: MatrixRow): string {
  const evidence = row.evidence.length === 0 ? '' : `<p class="evidence">${row.evidence.map((one) => `<span>${html(one)}</span>`).join(' ')}</p>`
  const list = row.findings.map(findingHtml).join('')
  if (row.verdict !== 'pass') return `${list === '' ? '' : `<ul>${list}</ul>`}${evidence}`
  if (list === '' && evidence === '') return ''
  const notes = row.findings.length === 0 ? '' : `, ${count(row.findings.length, 'note')}`
  return `<details><summary>${count(row.evidence.length, 'check')}${notes}</summary>${evidence}${list === '' ? '' : `<ul>${list}</ul>`}</details>`
}

function findingHtml(finding: MatrixFinding): string {
  const next = finding.next === undefined ? '' : `<div class="next"><span>next</span><code>${html(finding.next)}</code></div>`
  return `<li class="${finding.severity}"><b>${html(finding.item)}</b> ${html(finding.message)} <i>${html(finding.code)}</i>${next}</li>`
}

/** Bars to one scale; phases may overlap, so each begins at the left. */
function phases(matrix: Matrix): string {
  const longest = Math.max(...matrix.phases.map((phase) => phase.seconds), 0.001)
  const bar = (seconds: number) =>
    `<span class="track"><span class="bar" style="width:${Math.max(0.4, (100 * seconds) / longest).toFixed(1)}%"></span></span>`
  return `<ol class="phases">${matrix.phases
    .map(
      (phase) =>
        `<li><span class="name">${html(phase.name)}</span>${bar(phase.seconds)}<span class="number">${secondsText(phase.seconds)}</span></li>`,
    )
    .join('')}</ol>`
}

function facts(pairs: [string, string][]): string {
  return `<dl>${pairs.map(([label, value]) => `<dt>${html(label)}</dt><dd>${html(value)}</dd>`).join('')}</dl>`
}

/** Control characters, which a page may not hold, are shown as U+FFFD. */
function html(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\P{Cc}\t\n]/gu, '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

const css = (verdict: MatrixVerdict) => verdict.replace(' ', '-')
const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1)
const count = (value: number, thing: string) => `${value} ${thing}${value === 1 ? '' : 's'}`
const number = (value: number) => value.toLocaleString('en-US').replaceAll(',', '\u202f')
const day = (iso: string) => iso.slice(0, 10)
const moment = (iso: string) => `${new Date(iso).toISOString().slice(0, 16).replace('T', ' ')} UTC`
