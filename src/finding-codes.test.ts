import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { errorTable } from './base/errors.ts'

/** A finding that no test has ever seen may never be found. Each code that the sources can give is named by a test, here or in suites/. */

const root = import.meta.dirname
const filesBelow = (directory: string) =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({ file, text: readFileSync(join(directory, file), 'utf8') }))
const isTest = (file: string) => file.endsWith('.test.ts') || file.endsWith('-contract.ts')

/** Made for tests: what stands in them is nobody's finding. */
const isExample = (file: string) => /(^|\/)(example|stand-in|test)-/.test(file)

/** In an object, in a call of `harm`, `finding` and the like (also over a line's end), in one of FindingList's methods. */
const places = [/\bcode: '([a-z]+(?:-[a-z]+)+)'/g, /\b(?:harm|warning|warn|note|finding)\(\s*'([a-z]+(?:-[a-z]+)+)'/g]

function codesIn(text: string): string[] {
  return places.flatMap((place) => [...text.matchAll(place)].map(([, code = '']) => code))
}

/** Codes that are no findings: of errors, and of the archive's own answers. */
const others = new Set([...Object.keys(errorTable), 'archive-conflict', 'archive-broken'])

const sources = filesBelow(root).filter(({ file }) => !isTest(file) && !isExample(file))
const tests = [...filesBelow(root).filter(({ file }) => isTest(file)), ...filesBelow(join(root, '../suites'))].filter(
  ({ file }) => file !== 'finding-codes.test.ts',
)

test('every finding code of the sources is named by a test', () => {
  const codes = new Set(sources.flatMap(({ text }) => codesIn(text)).filter((code) => !others.has(code)))
  expect(codes.size).toBeGreaterThan(80)
  const named = tests.map(({ text }) => text).join('\n')
  expect([...codes].filter((code) => !new RegExp(`['\`" ]${code}['\`" ]`).test(named)).sort()).toEqual([])
})

test.each([
  ["{ severity: 'harm', code: 'row-lost', item }", 'row-lost'],
  ["list.harm('row-lost', item, message)", 'row-lost'],
  ["finding(\n  'row-lost',\n  item)", 'row-lost'],
])('a code is seen in %j', (text, code) => {
  expect(codesIn(text)).toEqual([code])
})
