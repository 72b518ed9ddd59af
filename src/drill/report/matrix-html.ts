import type { Matrix, MatrixFinding, MatrixRow } from './matrix.ts'
import { type MatrixRun, runTitle } from './matrix-run.ts'
import { matrixStyle } from './matrix-style.ts'
import { ageText, bytesText, countsText, engineText, lossesText, memoryText, recoveryPointFacts, rtoPhasesText } from './matrix-text.ts'
import { secondsText, tally, verdictText, versionsText } from './matrix-text.ts'
import { mainRun, matrixVerdict } from './matrix-verdict.ts'

const marks: Record<MatrixRun['verdict'], string> = { pass: '✓', fail: '✗', unknown: '?', 'not run': '–', 'known loss': '≠' }
const headlines = {
  pass: 'Lost, restored, and the same',
  fail: 'Restored, but not the same',
  unknown: 'Restored, but nobody can tell',
}

/** `matrix.html`: one page that needs nothing else, for screen (light and dark) and paper. */
export function matrixHtml(matrix: Matrix): string {
  const verdict = matrixVerdict(matrix)
  const everywhere = verdict !== 'pass' || matrix.rows.every((row) => row.verdict !== 'not run')
  const stacks = [...new Set(matrix.runs.map(({ stack }) => stack))].join(' and ')
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
<h1><span class="mark" aria-hidden="true">${marks[verdict]}</span>${headlines[verdict]}${everywhere ? '' : ', where it was run'}</h1>
<p>${html(tally(matrix))} · ${html(stacks)} stack${stacks.includes(' and ') ? 's' : ''}${matrix.runs.length > 1 ? ` · ${count(matrix.runs.length, 'run')}` : ''} · <time datetime="${html(matrix.generatedAt)}">${html(moment(matrix.generatedAt))}</time></p>
</header>
<main>
<section class="figures" aria-label="Key figures of the newest full drill">${figures(matrix)}</section>
${matrix.runs.length > 1 ? `<section><h2>Runs</h2>${runsTable(matrix)}</section>` : ''}
${matrix.runs.map((run) => runSection(run, matrix)).join('\n')}
<section><h2>Phases${ofMain(matrix)}</h2>${phases(matrix)}</section>
<div class="pair">
<section><h2>Recovery point${ofMain(matrix)}</h2>${facts(recoveryPointFacts(matrix))}</section>
<section><h2>Versions${ofMain(matrix)}</h2>${facts(Object.entries(matrix.versions))}</section>
</div>
</main>
</body>
</html>
`
}

/** With several runs on the page: which one the figures are of. */
function ofMain(matrix: Matrix): string {
  return matrix.runs.length === 1 ? '' : `<small> of the newest full drill, on the ${html(matrix.stack)} stack</small>`
}

/** The run that the top of the matrix repeats. */
function mainRows(matrix: Matrix): MatrixRow[] {
  const main = mainRun(matrix.runs)
  return matrix.rows.filter((row) => row.run === main?.id)
}

function runsTable(matrix: Matrix): string {
  const rows = matrix.runs.map((run) => {
    const age = ageText(run, matrix.generatedAt)
    const why = run.notRun === undefined ? '' : `<small>${html(run.notRun)}</small>`
    return `<tr class="${css(run.verdict)}"><td>${chip(run.verdict)}</td><th scope="row"><a href="#${html(run.id)}">${html(runTitle(run))}</a>${why}<small>${html(versionsText(run))}</small></th><td>${html(engineText(run))}<small>${html(memoryText(run))}</small></td><td class="number">${html(secondsText(run.rto?.seconds ?? null))}<small>${html(rtoPhasesText(run))}</small></td><td class="number">${html(secondsText(run.rpo?.seconds ?? null))}</td><td>${html(moment(run.at))}<small>${html(age)}</small></td></tr>`
  })
  return `<div class="scroll"><table class="runs"><thead><tr><th>Verdict</th><th>Run</th><th>Engine ran in</th><th class="number">RTO</th><th class="number">RPO</th><th>Ended</th></tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`
}

function figures(matrix: Matrix): string {
  const rows = mainRows(matrix)
  // Only where the thing is the row's own: the registry's row counts the records that it decoded, once more.
  const compared = (name: string, components: RegExp) =>
    rows.filter((row) => components.test(row.component)).reduce((sum, row) => sum + (row.counts[name] ?? 0), 0)
  const stored = rows.reduce((sum, row) => sum + (row.bytes ?? 0), 0)
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

function runSection(run: MatrixRun, matrix: Matrix): string {
  const rows = matrix.rows.filter((row) => row.run === run.id)
  const reference =
    run.subject === 'reference'
      ? '<p class="aside">Another way, run beside Datapipe and judged by the same checkers. Its losses are counted from what came back.</p>'
      : ''
  const title = `<h2>${html(capital(runTitle(run)))}</h2>`
  const table = `${reference}
<div class="scroll" id="${html(run.id)}"><table>
<thead><tr><th>Verdict</th><th>Component</th><th>Tool</th><th>Format</th><th>Compared</th><th class="number">Stored</th><th class="number">Restored in</th></tr></thead>
<tbody>${rows.map(rowHtml).join('\n')}</tbody>
</table></div>`
  // Where there are many, those that passed are one line each; a link to one opens it, and paper shows them all.
  if (matrix.runs.length <= 3 || run.verdict !== 'pass') return `<section>${title}${table}</section>`
  return `<section class="${css(run.verdict)}"><details class="run"><summary>${title}${chip(run.verdict)} <small>${html(tally({ rows }))}</small></summary>${table}</details></section>`
}

function rowHtml(row: MatrixRow): string {
  const losses = lossesText(row) === '' ? '' : `<b class="losses">${html(lossesText(row))}</b> `
  const cells = [html(row.tool), html(row.format), `${losses}${html(countsText(row))}`].map((text) => `<td>${text}</td>`).join('')
  const verdict = verdictText(row)
  const line = `<tr class="${css(verdict)}"><td>${chip(verdict)}</td><th scope="row">${html(row.component)}</th>${cells}<td class="number">${html(bytesText(row.bytes))}</td><td class="number">${html(secondsText(row.seconds))}</td></tr>`
  const below = details(row)
  return below === '' ? line : `${line}\n<tr class="details ${css(verdict)}"><td></td><td colspan="6">${below}</td></tr>`
}

/** Open where something is wrong, but for known losses, which the row itself counts; on paper always. */
function details(row: MatrixRow): string {
  const evidence = row.evidence.length === 0 ? '' : `<p class="evidence">${row.evidence.map((one) => `<span>${html(one)}</span>`).join(' ')}</p>`
  const list = row.findings.map(findingHtml).join('')
  if (row.verdict !== 'pass' && verdictText(row) !== 'known loss') return `${list === '' ? '' : `<ul>${list}</ul>`}${evidence}`
  if (list === '' && evidence === '') return ''
  const notes = row.findings.length === 0 ? '' : `, ${count(row.findings.length, row.verdict === 'pass' ? 'note' : 'finding')}`
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

const chip = (verdict: MatrixRun['verdict']) => `<span class="chip"><span aria-hidden="true">${marks[verdict]}</span> ${verdict}</span>`
const css = (verdict: MatrixRun['verdict']) => verdict.replace(' ', '-')
const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1)
const count = (value: number, thing: string) => `${value} ${thing}${value === 1 ? '' : 's'}`
const number = (value: number) => value.toLocaleString('en-US').replaceAll(',', '\u202f')
const day = (iso: string) => iso.slice(0, 10)
const moment = (iso: string) => `${new Date(iso).toISOString().slice(0, 16).replace('T', ' ')} UTC`
