import type { Place, PointsResult } from '../../commands/points.ts'
import { formatTable } from '../render/format.ts'
import { findingsText } from './findings.ts'

/** The windows, the named points in them, and the commits that were asked for. */
export function pointsText({ url, windows, gaps, points, commits, findings }: PointsResult): string {
  if (windows.length === 0) return `no reachable points in ${url}\n${findingsText(findings)}`
  const spans = windows.map(({ from, to, first, commits: count, backups }) => [
    from.lsn,
    first?.time ?? '-',
    to.lsn,
    first === undefined ? '-' : (to.time ?? '-'),
    String(count),
    String(backups.length),
  ])
  const lost = gaps.map(({ after, before }) => `not reachable: behind ${placeText(after)}, before ${placeText(before)}\n`)
  const named = points.map(({ name, kind, lsn, time, xid, backup, brings }) => [
    name,
    kind,
    lsn,
    time ?? '-',
    xid ?? '-',
    backup ?? 'not reached',
    backup === undefined ? '' : brings.kafka,
  ])
  const listed = commits.map(({ lsn, time, xid }) => [lsn, time ?? '-', xid ?? '-'])
  return [
    'every commit in these windows can be restored:\n',
    formatTable([['FROM', 'FIRST COMMIT', 'TO', 'LAST COMMIT', 'COMMITS', 'BACKUPS'], ...spans], [4, 5]),
    ...lost,
    '\n',
    formatTable([['POINT', 'KIND', 'LSN', 'LAST COMMIT', 'XID', 'FROM BACKUP', 'TOPICS'], ...named], [4]),
    ...(commits.length === 0 ? [] : ['\n', formatTable([['COMMIT ENDS AT', 'TIME', 'XID'], ...listed], [2])]),
    findingsText(findings),
  ].join('')
}

function placeText({ lsn, time }: Place): string {
  return time === undefined ? lsn : `${lsn} (${time})`
}
