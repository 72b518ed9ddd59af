import { describeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import type { Finding } from '../../base/finding.ts'

/** What a checker says. `unknown` never rounds up: an exception, or nothing compared, is not a pass. */
export interface CheckResult {
  checker: string
  verdict: 'pass' | 'fail' | 'unknown'
  /** Named in the plural: what was compared, and how much of it. */
  counts: Record<string, number>
  findings: Finding[]
}

export interface Evidence {
  counts: Record<string, number>
  findings: Finding[]
  /** How many things were really compared. */
  compared: number
}

/**
 * Turns evidence into a verdict: harm is `fail`; otherwise nothing compared, or an exception on the way, is `unknown` with a finding that says so;
 * otherwise `pass`.
 */
export function check(checker: string, component: ComponentName, gather: () => Evidence): CheckResult {
  try {
    const { counts, findings, compared } = gather()
    if (findings.some((finding) => finding.severity === 'harm')) return { checker, verdict: 'fail', counts, findings }
    if (compared > 0) return { checker, verdict: 'pass', counts, findings }
    const nothing: Finding = {
      severity: 'warning',
      code: 'nothing-compared',
      component,
      item: checker,
      message: 'there was nothing to compare',
      next: seeRun,
    }
    return { checker, verdict: 'unknown', counts, findings: [...findings, nothing] }
  } catch (error) {
    const broken: Finding = { severity: 'warning', code: 'checker-broken', component, item: checker, message: describeError(error), next: seeRun }
    return { checker, verdict: 'unknown', counts: {}, findings: [broken] }
  }
}

const seeRun = 'read the observations in the run directory, then run the drill again: npm run drill'

/** fail beats unknown beats pass; no results at all are unknown. */
export function worst(results: CheckResult[]): 'pass' | 'fail' | 'unknown' {
  if (results.some((result) => result.verdict === 'fail')) return 'fail'
  return results.length === 0 || results.some((result) => result.verdict === 'unknown') ? 'unknown' : 'pass'
}

/** Collects findings of one component: the first `limit` of each kind and item as they are, the rest as one that counts them. */
export class FindingList {
  readonly findings: Finding[] = []
  private readonly component: ComponentName
  private readonly next: string
  private readonly limit: number
  private readonly seen = new Map<string, number>()

  constructor(component: ComponentName, next: string, limit = 3) {
    this.component = component
    this.next = next
    this.limit = limit
  }

  /** `group` is what the limit counts by; the item when left out. */
  harm(code: string, item: string, message: string, group = item): void {
    this.add('harm', code, item, message, group)
  }

  note(code: string, item: string, message: string, group = item): void {
    this.add('note', code, item, message, group)
  }

  private add(severity: Finding['severity'], code: string, item: string, message: string, group: string): void {
    const name = `${severity} ${code} ${group}`
    const count = (this.seen.get(name) ?? 0) + 1
    this.seen.set(name, count)
    if (count <= this.limit) {
      this.findings.push({ severity, code, component: this.component, item, message, ...(severity === 'note' ? {} : { next: this.next }) })
      return
    }
    const more = `and ${count - this.limit} more of this kind in ${group}`
    const rest = this.findings.find(
      (finding) => finding.code === code && finding.severity === severity && finding.item === group && finding.message.startsWith('and '),
    )
    if (rest) rest.message = more
    else this.findings.push({ severity, code, component: this.component, item: group, message: more })
  }
}
