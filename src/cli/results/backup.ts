import type { BackupResult } from '../../commands/backup.ts'
import { formatBytes, formatCount, formatSeconds, formatTable } from '../render/format.ts'
import { findingsText } from './findings.ts'

/** What was backed up, at which point, and what is missing. */
export function backupText(result: BackupResult): string {
  const { id, exitCode, recoveryPoint, findings, earlier } = result
  const rows = [
    ['size', `${formatBytes(result.bytes)} in ${result.artifacts} files`],
    ...(earlier.files === 0 ? [] : [['of which stored before', `${formatBytes(earlier.bytes)} in ${earlier.files} files`]]),
    ['records', formatCount(result.records)],
    [
      'recovery point',
      `${recoveryPoint.kind}, ${recoveryPoint.takenAt}${recoveryPoint.postgres === undefined ? '' : `, ${recoveryPoint.postgres.lsn}`}`,
    ],
    ['change capture stood still', `${formatSeconds(result.pausedSeconds)} (${result.attempts} attempt${result.attempts === 1 ? '' : 's'})`],
  ]
  const state = exitCode === 0 ? 'is complete' : 'is incomplete: the gaps are below'
  const resumed = result.resumed ? ', going on with an unfinished one' : ''
  return `backup ${id} ${state}, after ${formatSeconds(result.seconds)}${resumed}\n${indented(rows)}${findingsText(findings)}`
}

function indented(rows: string[][]): string {
  return formatTable(rows.map(([name = '', ...rest]) => [`  ${name}`, ...rest]))
}
