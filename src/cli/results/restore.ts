import type { RestoreResult } from '../../commands/restore.ts'
import { formatBytes, formatSeconds, formatTable } from '../render/format.ts'
import { findingsText } from './findings.ts'
import { planText } from './plan.ts'

type Shown = Pick<RestoreResult, 'backup' | 'dryRun' | 'recoveryPoint' | 'plan' | 'outcomes' | 'slots' | 'seconds' | 'findings'>

/** The plan of a dry run, or what was restored. */
export function restoreText(result: Shown): string {
  const { backup, recoveryPoint, plan, outcomes, slots, findings } = result
  const point = `${recoveryPoint.kind}, ${recoveryPoint.takenAt}${recoveryPoint.postgres === undefined ? '' : `, ${recoveryPoint.postgres.lsn}`}`
  if (result.dryRun) return `plan to restore ${backup} (${point}); nothing was touched\n${planText(plan)}${findingsText(findings)}`
  const rows = outcomes.map(({ component, counts, bytes }) => [
    `  ${component}`,
    Object.entries(counts)
      .map(([name, count]) => `${count} ${name}`)
      .join(', '),
    bytes === 0 ? '' : formatBytes(bytes),
  ])
  const slotLines = slots.map(({ connector, slot, confirmedFlushLsn }) => `  slot ${slot} of ${connector} stands at ${confirmedFlushLsn}\n`)
  return `restored ${backup} (${point}) in ${formatSeconds(result.seconds)}\n${formatTable(rows, [2])}${slotLines.join('')}${findingsText(findings)}`
}
