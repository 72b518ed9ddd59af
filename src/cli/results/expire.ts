import type { ExpireResult } from '../../commands/expire.ts'
import { formatBytes, formatSeconds } from '../render/format.ts'

/** What goes and what stays, with the word that confirms it, or what has gone. */
export function expireText({ dryRun, identity, plan, files, bytes, seconds }: ExpireResult): string {
  const size = `${files} files that no other needs, ${formatBytes(bytes)}`
  const list = [
    ...plan.keep.map(({ id, finishedAt }) => `  keep    ${id}  ${finishedAt}\n`),
    ...plan.remove.map(({ id, finishedAt }) => `  ${dryRun ? 'remove ' : 'removed'} ${id}  ${finishedAt}\n`),
  ].join('')
  if (!dryRun) return `removed ${plan.remove.length} backups and ${size}, in ${formatSeconds(seconds)}\n${list}`
  return `plan: remove ${plan.remove.length} backups and ${size}; nothing was touched\n${list}to do it: repeat it with --yes ${identity}\n`
}
