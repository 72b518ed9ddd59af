import type { WipeResult } from '../../commands/wipe.ts'
import { formatSeconds } from '../render/format.ts'
import { planText } from './plan.ts'

/** The plan of a dry run with the identity that confirms it, or what was removed. */
export function wipeText({ dryRun, identity, targets, plan, seconds }: WipeResult): string {
  if (!dryRun) return `wiped ${targets.map(({ component }) => component).join(', ')} in ${formatSeconds(seconds)}\n${planText(plan)}`
  return `plan to wipe ${targets.map((target) => `${target.component} ${target.identity}`).join(', ')}; nothing was touched\n${planText(plan)}\nto do it: repeat it with --yes ${identity}\n`
}
