import type { FollowResult } from '../../commands/follow.ts'
import { formatSeconds } from '../render/format.ts'
import { backupText } from './backup.ts'

/** How many points there are, and the last one as any backup. */
export function followText({ points, last, seconds }: FollowResult): string {
  return `${points} recovery point${points === 1 ? '' : 's'} in ${formatSeconds(seconds)}; the last one:\n${backupText(last)}`
}
