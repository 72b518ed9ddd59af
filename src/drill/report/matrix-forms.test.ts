import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { exampleMatrix, exampleOfSeveralRuns } from './example-matrix.ts'
import { matrixHtml } from './matrix-html.ts'
import { matrixJunit } from './matrix-junit.ts'
import { matrixMarkdown } from './matrix-markdown.ts'
import { renderMatrixTable } from './matrix-table.ts'
import { bytesText, secondsText } from './matrix-text.ts'
import { writeMatrix } from './write-matrix.ts'

const next = 'datapipe restore BACKUP --only registry --registry-route raw'

describe('terminal table', () => {
  test.each([40, 60, 80, 100, 120, 200])('no line is wider than %i columns, and every verdict and next command is there', (width) => {
    for (const color of [false, true]) {
      const text = renderMatrixTable(exampleMatrix(), { width, color })
      const lines = text.split('\n').map(stripVTControlCharacters)
      expect(lines.filter((line) => line.length > width)).toEqual([])
      for (const verdict of ['pass', 'fail', 'unknown', 'not run']) expect(lines.some((line) => line.startsWith(verdict))).toBe(true)
      expect(lines.join(' ').replace(/\s+/g, ' ')).toContain(next)
      expect(lines.at(-1)).toMatch(/^fail: 1 fail, 1 unknown, 1 not run, 3/)
    }
  })
  test.each([40, 80, 120])('several runs fit into %i columns, each with its age', (width) => {
    const text = renderMatrixTable(exampleOfSeveralRuns(), { width, color: false })
    expect(text.split('\n').filter((line) => line.length > width)).toEqual([])
    expect(text).toContain('known loss')
    if (width === 120)
      expect(text).toContain('lose everything · containers (local) stack · PostgreSQL 17, Kafka 3.9, Debezium 2.7 · 80 min old · engine')
    expect(text.trim().split('\n').at(-1)).toBe('pass: 1 not run, 1 known loss, 7 pass')
  })
  test('without colour there is no escape sequence, not even from a finding', () => {
    const escapeCharacter = String.fromCharCode(27)
    expect(renderMatrixTable(exampleMatrix(), { width: 100, color: false })).not.toContain(escapeCharacter)
    expect(renderMatrixTable(exampleMatrix(), { width: 100, color: true })).not.toContain(`${escapeCharacter}[31mred`)
  })
  test('a wide terminal shows everything in a row', () => {
    expect(renderMatrixTable(exampleMatrix(), { width: 140, color: false })).toContain(
      'pass     PostgreSQL       BASE_BACKUP  binary + WAL    38 tables, 18 354 rows, 2 large objects  39.3 MiB      8.4',
    )
  })
})

describe('html', () => {
  test('is one page that loads nothing and runs nothing', () => {
    const page = matrixHtml(exampleMatrix())
    expect(page).not.toMatch(/<script|<link|<img|@import|url\(|https?:/)
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(page).toContain(`<code>${next}</code>`)
  })
  test('names the verdict in title and headline', () => {
    expect(matrixHtml(exampleMatrix())).toContain('<title>fail: validation matrix, 2026-11-25</title>')
  })
})

describe('html of several runs', () => {
  const page = matrixHtml(exampleOfSeveralRuns())
  test('shows each run, what was not run and why, memory under its limit, and age', () => {
    for (const text of [
      'was run</h1>',
      'could not be pulled: no such host',
      'engine 212 MiB of 512 MiB, stack 3.0 GiB, 2 looks failed: perhaps more',
      '38 h old',
      '80 min old',
    ])
      expect(page).toContain(text)
    expect(page.match(/<div class="scroll" id=/g)).toHaveLength(4)
    // Of many runs those that passed are a line each, until somebody opens them.
    const passed = exampleOfSeveralRuns().runs.filter(({ verdict }) => verdict === 'pass').length
    expect(page.match(/<details class="run">/g) ?? []).toHaveLength(passed)
  })
  test('a known loss is neither a pass nor a failure, and its losses are counted in its row', () => {
    expect(page).toContain('<tr class="known-loss">')
    expect(page).toContain('lost: 83 tombstones, 2 headers, 2 571 timestamps, 2 571 schema ids')
    expect(page).not.toContain('<tr class="fail">')
  })
  test('figures are those of the newest full drill, not sums over runs', () => {
    expect(page).toContain('<strong>18\u202f354</strong><small>of PostgreSQL')
  })
})

describe('junit', () => {
  test('fail is a failure, unknown an error, not run skipped, and the sums agree', () => {
    const xml = matrixJunit(exampleMatrix())
    expect(xml).toContain('<testsuites name="datapipe drill" tests="6" failures="1" errors="1" skipped="1"')
    expect(xml).toContain('<testsuite name="lose everything · embedded stack" tests="6" failures="1" errors="1" skipped="1"')
    expect(xml.match(/<failure /g)).toHaveLength(1)
    expect(xml.match(/<error type="nothing-compared"/g)).toHaveLength(1)
    expect(xml.match(/<skipped /g)).toHaveLength(1)
  })
  test('a known loss is skipped, with what was lost: neither red nor green', () => {
    const xml = matrixJunit(exampleOfSeveralRuns())
    expect(xml).toContain('<testsuites name="datapipe drill" tests="9" failures="0" errors="0" skipped="2"')
    expect(xml).toContain('<skipped message="known loss: lost: 83 tombstones')
    expect(xml.match(/<testsuite /g)).toHaveLength(4)
  })
  test('holds no character that XML forbids, and no markup from findings', () => {
    const xml = matrixJunit(exampleMatrix())
    expect(/[^\t\n\r\u0020-\uFFFD\u{10000}-\u{10FFFF}]/u.test(xml)).toBe(false)
    expect(xml).not.toContain('<script>')
  })
})

test('markdown keeps its table in shape whatever a finding holds', () => {
  const text = matrixMarkdown(exampleMatrix())
  const rows = text.split('\n').filter((line) => line.startsWith('| lose'))
  expect(rows).toHaveLength(6)
  for (const row of rows) expect(row.split(/(?<!\\)\|/)).toHaveLength(10)
  expect(text).toContain(`next: \`${next}\``)
  expect(text.replace(/`[^`]*`/g, '')).not.toContain('<script>')
})

test('markdown of several runs has a line for each, and a table', () => {
  const text = matrixMarkdown(exampleOfSeveralRuns())
  expect(text).toContain('**pass**: 1 not run, 1 known loss, 7 pass, 4 runs.')
  expect(text.split('\n').filter((line) => line.startsWith('| lose everything · ') || line.startsWith('| the original route · '))).toHaveLength(4)
  expect(text).toContain('| **known loss** | 12 topics, 2 571 records; lost: 83 tombstones')
  expect(text).toContain('(80 min old)')
})

describe('writing', () => {
  test('all four forms are written whole, over older ones, and nothing else is left', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'matrix-'))
    try {
      await writeFile(join(directory, 'matrix.md'), 'old')
      await writeMatrix(exampleMatrix(), directory)
      expect((await readdir(directory)).sort()).toEqual(['matrix.html', 'matrix.json', 'matrix.junit.xml', 'matrix.md'])
      expect(JSON.parse(await readFile(join(directory, 'matrix.json'), 'utf8'))).toEqual(exampleMatrix())
      expect(await readFile(join(directory, 'matrix.md'), 'utf8')).toMatch(/^# Validation matrix/)
    } finally {
      await rm(directory, { recursive: true })
    }
  })
  test('a matrix that breaks its schema is not written', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'matrix-'))
    try {
      const bad = { ...exampleMatrix(), rows: [] }
      await expect(writeMatrix(bad, directory)).rejects.toMatchObject({ code: 'internal' })
      expect(await readdir(directory)).toEqual([])
    } finally {
      await rm(directory, { recursive: true })
    }
  })
  test('a directory that cannot be made is storage-failed with its path', async () => {
    await expect(writeMatrix(exampleMatrix(), '/dev/null/reports')).rejects.toMatchObject({
      code: 'storage-failed',
      path: '/dev/null/reports/matrix.json',
    })
  })
})

test('sizes and times are short', () => {
  expect([0, 1023, 1024, 41_234_567, 3e12].map(bytesText)).toEqual(['0 B', '1023 B', '1.0 KiB', '39.3 MiB', '2.7 TiB'])
  expect([0, 0.04, 12.34, 119.96, 245].map(secondsText)).toEqual(['0.00 s', '0.04 s', '12.3 s', '120.0 s', '4 min 05 s'])
})
