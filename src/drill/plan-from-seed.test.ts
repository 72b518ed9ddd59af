import { expect, test } from 'vitest'
import { planFromSeed, planText } from './plan-from-seed.ts'

const plans = Array.from({ length: 400 }, (_, index) => planFromSeed(index + 1))

test('the same seed gives the same plan, another one another', () => {
  expect(planFromSeed(17)).toEqual(planFromSeed(17))
  expect(new Set(plans.map((plan) => JSON.stringify({ ...plan, seed: 0 }))).size).toBeGreaterThan(380)
})

test('every loss that can be drilled and every kind of fault comes up, and drills without a fault too', () => {
  expect([...new Set(plans.map(({ loss }) => loss))].sort()).toEqual(['all', 'connect', 'group', 'kafka', 'postgres', 'registry', 'rows', 'topic'])
  expect(new Set(plans.map(({ fault }) => fault?.what))).toEqual(
    new Set([undefined, 'engine killed', 'storage full', 'connect killed', 'registry killed', 'kafka killed', 'postgres killed']),
  )
  // Twenty-five in a row are what a release is judged by: they must not all be alike.
  expect(new Set(plans.slice(0, 25).map(({ loss }) => loss)).size).toBeGreaterThanOrEqual(5)
  expect(plans.slice(0, 25).filter(({ fault }) => fault !== undefined).length).toBeGreaterThan(12)
})

test('a plan can be run: somebody commits while a long transaction waits, and the fault has a phase of its command', () => {
  for (const { writer, fault, loss } of plans) {
    expect(writer.connections).toBeGreaterThanOrEqual(2)
    expect(writer.mix.plain).toBeGreaterThan(0)
    if (fault !== undefined) expect(fault.phase, `${loss} ${fault.what}`).toBeTruthy()
  }
})

test('a plan as one line', () => {
  const plan = planFromSeed(1)
  expect(planText({ ...plan, loss: 'all', cut: 'barrier', registryRoute: 'raw-topic', fault: undefined })).toBe(
    'all (registry from its topic), no fault',
  )
  const fault = { during: 'restore', what: 'engine killed', phase: 'create slots' } as const
  expect(planText({ ...plan, loss: 'postgres', cut: 'to', registryRoute: 'auto', fault })).toBe(
    'postgres to an earlier commit, engine killed at "create slots" of the restore',
  )
})
