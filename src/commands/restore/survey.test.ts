import { expect, test } from 'vitest'
import type { ComponentName } from '../../base/events.ts'
import { partlyLost, type Surveyed } from './survey.ts'

const all: ComponentName[] = ['postgres', 'kafka', 'registry', 'connect']
const found = (...lost: ComponentName[]): Surveyed[] =>
  all.map((component) => ({ component, state: lost.includes(component) ? 'silent' : 'lives', seen: `${component} was seen` }))

test('the components that are lost are named with those that live, and what to type brings back no less than belongs together', () => {
  expect(partlyLost(found('postgres'), 'B')).toEqual([
    {
      severity: 'warning',
      code: 'partly-lost',
      component: 'postgres',
      item: 'postgres',
      message: expect.stringMatching(
        /looks lost: postgres \(postgres was seen\)\. Lives: kafka .*; registry .*; connect .* events of transactions that are gone/,
      ) as string,
      next: 'datapipe restore B --only postgres connect --dry-run',
    },
  ])
  const next = (...lost: ComponentName[]) => partlyLost(found(...lost), 'B')[0]?.next
  expect(next('kafka')).toBe('datapipe restore B --only kafka registry connect --dry-run')
  expect(next('registry')).toBe('datapipe restore B --only registry --dry-run')
  expect(next('connect', 'registry')).toBe('datapipe restore B --only registry connect --dry-run')
})

test('where all is lost, or nothing, there is nothing to choose', () => {
  expect(partlyLost(found(...all), 'B')).toEqual([])
  expect(partlyLost(found(), 'B')).toEqual([])
})
