import type { DiffResult } from '../../commands/diff.ts'
import { findingsText } from './findings.ts'

/** What differs, or that nothing does. */
export function diffText({ exitCode, a, b, compared, differing, findings }: DiffResult): string {
  const verdict = exitCode === 20 ? 'differ' : exitCode === 0 ? 'are the same' : 'are the same as far as they could be compared'
  return `${findingsText(findings)}${a} and ${b} ${verdict}: ${(exitCode === 20 ? differing : compared).join(', ')}\n`
}
