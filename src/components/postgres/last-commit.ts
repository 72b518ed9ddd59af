import { formatLsn, type Lsn, parseLsn } from '../../base/lsn.ts'
import { startTool } from '../../clients/exec.ts'
import type { PostgresTools } from './tools.ts'
import { segmentStart, segmentTimeline } from './wal-segment.ts'

export interface Commit {
  xid: bigint
  /** Where the commit record begins. */
  lsn: Lsn
  timestampUs: bigint
}

/** The last transaction whose commit record begins before `before`, from the WAL itself; undefined when the segments hold none. */
export async function lastCommit(
  tools: PostgresTools,
  { directory, segments, before, segmentSize }: { directory: string; segments: string[]; before: Lsn; segmentSize: bigint },
): Promise<Commit | undefined> {
  const usable = segments.filter((name) => segmentStart(name, segmentSize) < before)
  // Usually the last segment knows; the whole chain is read only for a database that has been quiet for long.
  for (let count = 1; ; count = Math.min(count * 8, usable.length)) {
    const first = usable.at(-count)
    if (first === undefined) return undefined
    const output = await dump(tools, [
      `--path=${directory}`,
      `--timeline=${segmentTimeline(first)}`,
      '--rmgr=Transaction',
      `--start=${formatLsn(segmentStart(first, segmentSize))}`,
      `--end=${formatLsn(before)}`,
    ])
    const commit = parseCommits(output)
      .filter(({ lsn }) => lsn < before)
      .at(-1)
    if (commit !== undefined || count === usable.length) return commit
  }
}

async function dump(tools: PostgresTools, args: string[]): Promise<string> {
  await using tool = await startTool(tools.path('pg_waldump'), args, { env: { TZ: 'UTC' } })
  const code = await tool.ended
  // Two ends of the range are errors to pg_waldump: no record begins in it, or it ends right after a page header (it then takes what
  // its buffer held before for a record). What it printed up to there is right, and recovery checks every record anyway.
  if (code !== 0 && !/could not find a valid record|error in WAL record/.test(tool.lastWords())) await tool.succeeded()
  return tool.output()
}

/** Reads pg_waldump's lines: `… tx: 730, lsn: 0/05000370, … desc: COMMIT 2026-11-25 01:02:03.123456 UTC…`. */
export function parseCommits(output: string): Commit[] {
  const commits: Commit[] = []
  for (const line of output.split('\n')) {
    const match =
      /tx:\s*(\d+), lsn: ([0-9A-F]+\/[0-9A-F]+),.*desc: COMMIT(?:_PREPARED (\d+):)? (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))? UTC/.exec(line)
    if (match === null) continue
    const [, xid, lsn, preparedXid, date, time, fraction] = match
    const seconds = BigInt(Date.parse(`${date}T${time}Z`)) * 1000n
    commits.push({
      xid: BigInt(preparedXid ?? xid ?? 0),
      lsn: parseLsn(lsn ?? ''),
      timestampUs: seconds + BigInt((fraction ?? '').padEnd(6, '0').slice(0, 6)),
    })
  }
  return commits
}
