import { type CheckResult, check, FindingList } from './check-result.ts'

/** A fault in the middle of a command: it really happened, and the command lived through it or said in its own words why not. */
export function faultLivedThrough(fault: {
  during: string
  what: string
  phase: string
  happened: boolean
  error: { code: string; message: string } | null
  repeated: string[]
}): CheckResult {
  return check('fault-lived-through', 'postgres', () => {
    const list = new FindingList('postgres', 'the evidence of the run holds the error; run its seed again')
    const item = `${fault.what} during ${fault.during}`
    const killed = fault.what === 'engine killed'
    // A process that was killed says nothing; an error without a code of its own is one that nobody thought of.
    if (fault.error !== null && fault.error.code === 'internal') list.harm('error-unforeseen', item, fault.error.message)
    if (fault.happened && killed && fault.error === null) list.harm('fault-not-felt', item, 'the command ended well though it was killed')
    list.note('fault', item, faultText(fault))
    return { counts: { faults: 1, repeated: fault.repeated.length }, findings: list.findings, compared: fault.happened ? 1 : 0 }
  })
}

function faultText({ phase, happened, error, repeated }: Parameters<typeof faultLivedThrough>[0]): string {
  if (!happened) return `the phase "${phase}" never came`
  const end = error === null ? 'the command lived through it' : `it ended with ${error.code}: ${error.message.slice(0, 300)}`
  return `at the beginning of "${phase}" ${end}${repeated.length === 0 ? '' : `; then: ${repeated.join(', ')}`}`
}
