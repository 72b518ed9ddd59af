import type { DecodeObservation } from '../observers/observation.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'

/** Every schema id in the records decodes; and, told what was there before, the records carry the same ids as often as then. */
export function idsDecode(after: DecodeObservation, before?: DecodeObservation): CheckResult {
  return check('ids-decode', 'registry', () => {
    const list = new FindingList('registry', 'datapipe diff BACKUP; restore the registry again with another --registry-route')
    let decoded = 0
    for (const { id, records, decoded: count, error, topics } of after.ids) {
      decoded += count
      const item = `schema id ${id}`
      if (error !== undefined) list.harm('id-does-not-decode', item, `${records} keys and values in ${topics.join(', ')}: ${error}`)
      else if (count === 0) list.harm('id-does-not-decode', item, `none of ${records} keys and values in ${topics.join(', ')} was decoded`)
    }
    for (const { id, records } of before?.ids ?? []) {
      const now = after.ids.find((one) => one.id === id)?.records ?? 0
      if (now !== records) list.harm('id-moved', `schema id ${id}`, `${records} keys and values carried it, ${now} do now`)
    }
    for (const { id, records } of before === undefined ? [] : after.ids)
      if (!before?.ids.some((one) => one.id === id)) list.harm('id-moved', `schema id ${id}`, `no key or value carried it, ${records} do now`)
    return {
      counts: { ids: after.ids.length, decoded, records: after.records, unframed: after.unframed },
      findings: list.findings,
      compared: decoded,
    }
  })
}
