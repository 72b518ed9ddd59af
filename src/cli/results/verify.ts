import type { VerifyResult } from '../../commands/verify.ts'
import { formatBytes, formatSeconds } from '../render/format.ts'
import { findingsText } from './findings.ts'

/** The verdict on each backup, with everything that was found. */
export function verifyText({ backups }: VerifyResult): string {
  return backups
    .map(({ id, verdict, reason, files, bytes, seconds, findings }) => {
      const read = reason ?? `${files} files, ${formatBytes(bytes)} read in ${formatSeconds(seconds)}`
      return `${id}: ${verdict}: ${read}\n${findingsText(findings)}`
    })
    .join('')
}
