import type { RunRow } from './assemble-matrix.ts'
import { rowFromChecks } from './matrix-row.ts'

/** One row for a whole randomised run: what its own rows found, under its seed. */
export function seedRow(description: { seed: number; plan: string; again: string; seconds: number; evidence: string }, rows: RunRow[]): RunRow {
  const { seed, plan, again, seconds, evidence } = description
  const results = rows.map(({ component, verdict, counts, findings }) => ({
    checker: component,
    verdict: verdict === 'not run' ? ('unknown' as const) : verdict,
    counts,
    // Of a run that broke, its own row says why; the others say no more than that.
    findings: verdict === 'pass' || verdict === 'not run' ? [] : findings,
  }))
  const row = rowFromChecks(
    { drill: 'randomised', component: `seed ${seed}`, tool: 'datapipe', format: plan, seconds, evidence: [evidence, again] },
    results,
  )
  return { ...row, counts: totals(rows) }
}

/** What the whole run compared, by the names that readers ask for. */
function totals(rows: RunRow[]): Record<string, number> {
  const of = (component: RegExp, name: string) =>
    rows.filter((row) => component.test(row.component)).reduce((sum, row) => sum + (row.counts[name] ?? 0), 0)
  return {
    rows: of(/^PostgreSQL$/, 'rows'),
    records: of(/topics$/, 'records'),
    transactions: of(/^PostgreSQL$/, 'transactions'),
    events: of(/^pipeline/, 'events'),
    redelivered: of(/^pipeline/, 'redelivered'),
  }
}
