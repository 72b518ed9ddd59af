import type { FinishedRun } from './assemble-matrix.ts'
import { rowNotRun } from './matrix-row.ts'

/** A run that was wanted and not to be had: an image that could not be pulled, no container engine. `reason`: one sentence, lowercase. */
export function runNotRun(
  run: Pick<FinishedRun['run'], 'id' | 'drill' | 'subject' | 'profile' | 'variant' | 'stack' | 'engine'>,
  at: Date,
  reason: string,
): FinishedRun {
  return {
    run: { ...run, at: at.toISOString(), versions: {}, recoveryPoint: null, phases: [], rto: null, rpo: null, notRun: reason },
    rows: [
      rowNotRun(
        { drill: run.drill, component: 'drill', tool: 'datapipe', format: 'whole run' },
        { severity: 'note', code: 'not-run', component: 'postgres', item: run.id, message: reason },
      ),
    ],
  }
}
