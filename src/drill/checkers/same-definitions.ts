import type { PostgresObservation } from '../observers/observation.ts'
import { type CheckResult, check, FindingList } from './check-result.ts'

/** A sequence may be this many values ahead after recovery: PostgreSQL logs it in steps (SEQ_LOG_VALS). */
const sequenceStep = 32n

/** Everything that is not a row: definitions, sequences, large objects. */
export function sameDefinitions(before: PostgresObservation, after: PostgresObservation): CheckResult {
  return check('same-definitions', 'postgres', () => {
    const list = new FindingList('postgres', 'datapipe verify BACKUP; then compare with pg_dump --schema-only')
    compareMaps(before.definitions, after.definitions, 'definition', list)
    for (const sequence of before.sequences) {
      const now = after.sequences.find((one) => one.name === sequence.name)?.lastValue
      if (now === sequence.lastValue) continue
      const ahead = now === undefined || now === 'unused' || sequence.lastValue === 'unused' ? undefined : BigInt(now) - BigInt(sequence.lastValue)
      const steps = ahead === undefined ? undefined : ahead / BigInt(sequence.increment)
      const message = `stood at ${sequence.lastValue}, stands at ${now ?? 'nothing'}`
      if (steps !== undefined && steps >= 0n && steps <= sequenceStep) list.note('sequence-ahead', sequence.name, message)
      else list.harm('sequence-differs', sequence.name, message)
    }
    const objects = (observation: PostgresObservation) =>
      Object.fromEntries(
        observation.largeObjects.map((object) => [`large object ${object.oid}`, `${object.bytes} bytes, ${object.hash.slice(0, 16)}`]),
      )
    compareMaps(objects(before), objects(after), 'large-object', list)
    const counts = {
      definitions: Object.keys(before.definitions).length,
      sequences: before.sequences.length,
      largeObjects: before.largeObjects.length,
    }
    return { counts, findings: list.findings, compared: counts.definitions }
  })
}

/** Missing, extra and changed entries, as `<what>-missing`, `-extra`, `-changed`. */
export function compareMaps(before: Record<string, string>, after: Record<string, string>, what: string, list: FindingList, prefix = ''): void {
  for (const [name, value] of Object.entries(before)) {
    const now = after[name]
    if (now === undefined) list.harm(`${what}-missing`, prefix + name, `not there any more: ${value}`, what)
    else if (now !== value) list.harm(`${what}-changed`, prefix + name, `was ${value}, is ${now}`, what)
  }
  for (const [name, value] of Object.entries(after))
    if (before[name] === undefined) list.harm(`${what}-extra`, prefix + name, `was not there before: ${value}`, what)
}
