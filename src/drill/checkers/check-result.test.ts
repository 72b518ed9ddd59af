import { expect, test } from 'vitest'
import { type CheckResult, check, FindingList, worst } from './check-result.ts'

const nothing = { counts: {}, findings: [], compared: 0 }

test('nothing compared is unknown, never a pass', () => {
  const result = check('x', 'kafka', () => nothing)
  expect(result.verdict).toBe('unknown')
  expect(result.findings[0]).toMatchObject({ code: 'nothing-compared', severity: 'warning' })
})

test('an exception is unknown and says why', () => {
  const result = check('x', 'kafka', () => {
    throw new Error('offset is not a number')
  })
  expect(result.verdict).toBe('unknown')
  expect(result.findings[0]).toMatchObject({ code: 'checker-broken', message: 'offset is not a number' })
})

test('harm is a fail even when nothing was compared, a note is not', () => {
  const list = new FindingList('kafka', 'do this')
  list.note('odd', 'a', 'just so')
  expect(check('x', 'kafka', () => ({ counts: {}, findings: [...list.findings], compared: 1 })).verdict).toBe('pass')
  list.harm('bad', 'a', 'really')
  expect(check('x', 'kafka', () => ({ counts: {}, findings: list.findings, compared: 0 })).verdict).toBe('fail')
})

test('the first findings of a kind are shown, the rest counted', () => {
  const list = new FindingList('kafka', 'do this', 2)
  for (const item of ['a', 'b', 'c', 'd']) list.harm('bad', item, `${item} is bad`, 'letters')
  expect(list.findings.map((finding) => `${finding.item}: ${finding.message}`)).toEqual([
    'a: a is bad',
    'b: b is bad',
    'letters: and 2 more of this kind in letters',
  ])
  expect(list.findings[0]?.next).toBe('do this')
})

test('fail beats unknown beats pass, and no results are unknown', () => {
  const of = (verdict: CheckResult['verdict']): CheckResult => ({ checker: 'x', verdict, counts: {}, findings: [] })
  expect(worst([of('pass'), of('unknown'), of('fail')])).toBe('fail')
  expect(worst([of('pass'), of('unknown')])).toBe('unknown')
  expect(worst([of('pass')])).toBe('pass')
  expect(worst([])).toBe('unknown')
})
