import type { Finding } from '../../base/finding.ts'
import { type CheckResult, worst } from '../checkers/check-result.ts'
import type { RunRow } from './assemble-matrix.ts'

export interface RowDescription {
  drill: string
  component: string
  tool: string
  format: string
  bytes?: number
  seconds?: number
  /** Beside the checkers' names, e.g. a path in the run directory. */
  evidence?: string[]
}

/** The row that stands on these checkers' results: the worst verdict, all findings; of counts with one name the first checker's. */
export function rowFromChecks(description: RowDescription, results: CheckResult[]): RunRow {
  const { drill, component, tool, format } = description
  return {
    drill,
    component,
    tool,
    format,
    verdict: worst(results),
    counts: Object.assign({}, ...results.map((result) => result.counts).reverse()),
    bytes: description.bytes ?? null,
    seconds: description.seconds ?? null,
    evidence: [...results.map((result) => `${result.checker}: ${result.verdict}`), ...(description.evidence ?? [])],
    findings:
      results.length > 0
        ? results.flatMap((result) => result.findings)
        : [
            {
              severity: 'warning',
              code: 'not-checked',
              component: 'kafka',
              item: component,
              message: 'no checker looked at it',
              next: 'npm run drill',
            },
          ],
  }
}

/** A row for what was not tried, and why. */
export function rowNotRun(description: RowDescription, reason: Finding): RunRow {
  const { drill, component, tool, format } = description
  return {
    drill,
    component,
    tool,
    format,
    verdict: 'not run',
    counts: {},
    bytes: null,
    seconds: null,
    evidence: description.evidence ?? [],
    findings: [reason],
  }
}
