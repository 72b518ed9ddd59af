import type { SlotObservation } from '../observers/observation.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'

/** The connector's logical slot exists, is pgoutput's, and is in use (or, told so, not yet). */
export function slotThere(observation: SlotObservation, expected: { slot: string; active: boolean }): CheckResult {
  return check('slot-there', 'postgres', () => {
    const list = new FindingList('postgres', 'psql: SELECT * FROM pg_replication_slots; then datapipe restore BACKUP --only connect')
    const slot = observation.slots.find((one) => one.name === expected.slot)
    if (slot === undefined) {
      const others = observation.slots.map((one) => one.name).join(', ') || 'none'
      list.harm('slot-missing', expected.slot, `the slot is not there; there are: ${others}`)
    } else {
      if (slot.plugin !== 'pgoutput') list.harm('slot-plugin', expected.slot, `its plugin is ${slot.plugin ?? 'none: a physical slot'}`)
      if (slot.active !== expected.active)
        list.harm(slot.active ? 'slot-active' : 'slot-inactive', expected.slot, slot.active ? 'somebody reads it already' : 'nobody reads it')
    }
    return { counts: { slots: observation.slots.length }, findings: list.findings, compared: slot === undefined ? 0 : 1 }
  })
}
