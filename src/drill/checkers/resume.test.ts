import { describe, expect, test } from 'vitest'
import type { ObservedConnector, SlotObservation } from '../observers/observation.ts'
import { exampleLedger } from './example-observations.ts'
import { noSnapshotAfterResume } from './no-snapshot-after-resume.ts'
import { offsetNotAhead } from './offset-not-ahead.ts'
import { slotThere } from './slot-there.ts'

const slots = (): SlotObservation => ({
  slots: [{ name: 'shop', plugin: 'pgoutput', active: true, restartLsn: '0/1000', confirmedFlushLsn: '0/1000' }],
  flushLsn: '1/0',
  timeline: 2,
})

describe('slot there', () => {
  test('present and read passes', () => expect(slotThere(slots(), { slot: 'shop', active: true }).verdict).toBe('pass'))
  test('a missing slot is harm and the others are named', () => {
    const result = slotThere(slots(), { slot: 'other', active: true })
    expect(result).toMatchObject({ verdict: 'fail', findings: [{ code: 'slot-missing', message: 'the slot is not there; there are: shop' }] })
  })
  test('a slot that nobody reads, or somebody too early', () => {
    expect(slotThere(slots(), { slot: 'shop', active: false }).findings).toMatchObject([{ code: 'slot-active' }])
    const idle = slots()
    for (const slot of idle.slots) slot.active = false
    expect(slotThere(idle, { slot: 'shop', active: true }).findings).toMatchObject([{ code: 'slot-inactive' }])
  })
  test('a physical slot of that name is harm', () => {
    const physical = slots()
    for (const slot of physical.slots) slot.plugin = null
    expect(slotThere(physical, { slot: 'shop', active: true }).findings).toMatchObject([{ code: 'slot-plugin' }])
  })
})

describe('offset not ahead', () => {
  const connector = (offset: string): ObservedConnector => ({
    name: 'shop',
    type: 'source',
    state: 'RUNNING',
    tasks: [],
    config: {},
    offsets: { '{"server":"shop"}': offset },
  })

  test('an offset at the flushed position passes', () => {
    expect(offsetNotAhead([connector('{"lsn":4294967296,"txId":7,"ts_usec":1795493810462709}')], slots())).toMatchObject({
      verdict: 'pass',
      counts: { positions: 1 },
    })
  })
  test.each(['lsn', 'lsn_proc', 'lsn_commit'])('%s one byte ahead is harm', (field) => {
    const result = offsetNotAhead([connector(`{"lsn":1,"${field}":4294967297}`)], slots())
    expect(result).toMatchObject({
      verdict: 'fail',
      findings: [{ code: 'offset-ahead', message: `${field} is 1/1, the server has written up to 1/0 only` }],
    })
  })
  test('an offset beyond 2^53 is compared with all its digits', () => {
    const far = { ...slots(), flushLsn: '7FFFFFFF/FFFFFFFE' }
    expect(offsetNotAhead([connector('{"lsn":9223372036854775806}')], far).verdict).toBe('pass')
    expect(offsetNotAhead([connector('{"lsn":9223372036854775807}')], far).verdict).toBe('fail')
  })
  test('no stored offset is unknown, and so is one that cannot be read', () => {
    expect(offsetNotAhead([{ ...connector(''), offsets: {} }], slots()).verdict).toBe('unknown')
    expect(offsetNotAhead([connector('{"lsn":"soon"}')], slots()).verdict).toBe('unknown')
  })
})

describe('no snapshot after resume', () => {
  const from = { ledger_account: { '0': '2' } }
  test('snapshot events before the resume are fine', () =>
    expect(noSnapshotAfterResume(exampleLedger().events, from)).toMatchObject({ verdict: 'pass', counts: { events: 15 } }))
  test('a snapshot event after it is harm', () => {
    expect(noSnapshotAfterResume(exampleLedger().events, {})).toMatchObject({ verdict: 'fail', findings: [{ code: 'snapshot-after-resume' }, {}] })
  })
  test('an incremental snapshot counts as well', () => {
    const { events } = exampleLedger()
    ;(events[5] as (typeof events)[number]).snapshot = 'incremental'
    expect(noSnapshotAfterResume(events, from).verdict).toBe('fail')
  })
  test('no event after the resume is unknown', () => {
    expect(noSnapshotAfterResume([], from).verdict).toBe('unknown')
  })
})
