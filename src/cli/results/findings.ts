import type { Finding } from '../../base/finding.ts'
import { describeFinding } from '../render/describe-event.ts'
import { noStyle } from '../render/style.ts'

/** Findings for people, those that do harm first; nothing when there is none. */
export function findingsText(findings: readonly Finding[]): string {
  const bySeverity = (['harm', 'warning', 'note'] as const).flatMap((severity) => findings.filter((finding) => finding.severity === severity))
  return bySeverity.map((finding) => describeFinding(finding, noStyle)).join('')
}
