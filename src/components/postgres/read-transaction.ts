import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { formatLsn, type Lsn, parseLsn } from '../../base/lsn.ts'
import { startTool } from '../../clients/exec.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { parseCommits } from './last-commit.ts'
import type { PostgresPart } from './part.ts'
import { unpackWal } from './restore-files.ts'
import { findPostgresTools, type PostgresTools } from './tools.ts'
import { segmentTimeline } from './wal-segment.ts'

/** What a transaction did to one file of a table, by the WAL. */
export interface TouchedFile {
  /** `database/file` as WAL names it: oid of the database, number of the file (pg_relation_filenode). */
  database: number
  file: number
  inserted: number
  updated: number
  deleted: number
  /** `(block,offset)` of every row version that it changed or deleted. */
  places: string[]
  /** Its file was removed at the commit: dropped, truncated, or rewritten. */
  removed: boolean
}

export interface ReadTransaction {
  xid: bigint
  /** Where its commit record begins: a recovery that stops before it has every earlier commit, and not this one. */
  commitLsn: Lsn
  committedAt: string
  files: TouchedFile[]
}

export interface ReadTransactionOptions {
  part: PostgresPart
  reader: ArtifactReader
  config: PostgresConfig
  xid: bigint
  context: Context
}

/**
 * Reads a committed transaction, its subtransactions too, out of the WAL of a backup. Throws `usage` when it did not commit there:
 * before the base backup, after the end of the stored WAL, or never.
 */
export async function readTransaction({ part, reader, config, xid, context }: ReadTransactionOptions): Promise<ReadTransaction> {
  const tools = await findPostgresTools(config, part.server.majorVersion)
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-wal-'))
  try {
    await unpackWal(directory, { part, reader, owner: undefined, context })
    const range = walRange(part, directory)
    const commits = await linesOf(tools, [...range, '--rmgr=Transaction'], context)
    const line = commits.find((text) => {
      const [commit] = parseCommits(text)
      return commit !== undefined && commit.xid === xid && commit.lsn >= parseLsn(part.base.stopLsn)
    })
    const [commit] = line === undefined ? [] : parseCommits(line)
    if (line === undefined || commit === undefined) throw notCommitted(part, xid)
    const all = new Set([xid, ...[...(/subxacts:((?: \d+)+)/.exec(line)?.[1] ?? '').matchAll(/\d+/g)].map(([text]) => BigInt(text))])
    const files = new Map<string, TouchedFile>()
    const only = all.size === 1 ? [`--xid=${xid}`] : []
    await readLines(tools, [...range, ...only], context, (text) => {
      const own = /tx:\s*(\d+), lsn/.exec(text)?.[1]
      if (own !== undefined && all.has(BigInt(own))) note(files, text)
    })
    for (const [, database, file] of (/ rels:((?: \S+)+)/.exec(line)?.[1] ?? '').matchAll(/(?:base|pg_tblspc\/\d+\/[^/ ]+)\/(\d+)\/(\d+)/g))
      fileOf(files, Number(database), Number(file)).removed = true
    return { xid, commitLsn: commit.lsn, committedAt: new Date(Number(commit.timestampUs / 1000n)).toISOString(), files: [...files.values()] }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function notCommitted(part: PostgresPart, xid: bigint): DatapipeError {
  return new DatapipeError(
    'usage',
    `transaction ${xid} did not commit in the WAL of this backup, which goes from ${part.base.stopLsn} to ${part.wal.reachesLsn}`,
    {
      path: `--before-xid ${xid}`,
      hint: 'name a backup that was begun before the transaction and ended after it; `datapipe show` tells of its recovery point',
    },
  )
}

function walRange(part: PostgresPart, directory: string): string[] {
  return [`--path=${directory}`, `--timeline=${segmentTimeline(part.base.startSegment)}`, `--start=${part.base.startLsn}`, `--end=${lastByte(part)}`]
}

const lastByte = (part: PostgresPart) => formatLsn(parseLsn(part.wal.reachesLsn) - 1n)

async function linesOf(tools: PostgresTools, args: string[], context: Context): Promise<string[]> {
  const lines: string[] = []
  await readLines(tools, args, context, (line) => lines.push(line))
  return lines
}

async function readLines(tools: PostgresTools, args: string[], { signal }: Context, onLine: (line: string) => void): Promise<void> {
  await using tool = await startTool(tools.path('pg_waldump'), args, { env: { TZ: 'UTC' }, stdout: 'pipe', signal })
  for await (const line of createInterface({ input: tool.stdout })) onLine(line)
  // An end of the range that no record begins at is an error to pg_waldump; what it printed up to there is right.
  if ((await tool.ended) !== 0 && !/could not find a valid record|error in WAL record/.test(tool.lastWords())) await tool.succeeded()
}

function fileOf(files: Map<string, TouchedFile>, database: number, file: number): TouchedFile {
  const key = `${database}/${file}`
  const found = files.get(key) ?? { database, file, inserted: 0, updated: 0, deleted: 0, places: [], removed: false }
  files.set(key, found)
  return found
}

/**
 * A line of pg_waldump, 15: `rmgr: Heap … desc: DELETE off 3 flags 0x00 KEYS_UPDATED , blkref #0: rel 1663/5/16391 blk 0`; from 16 on
 * `desc: UPDATE old_xmax: 745, old_off: 4, …`. Of an UPDATE across pages `blkref #1` has the old row.
 */
function note(files: Map<string, TouchedFile>, line: string): void {
  const [, what] = /^rmgr: Heap2? .* desc: ([A-Z_]+)/.exec(line) ?? []
  const pages = [...line.matchAll(/blkref #\d+: rel \d+\/(\d+)\/(\d+)(?: fork (\w+))? blk (\d+)/g)].filter(
    ([, , , fork]) => fork === undefined || fork === 'main',
  )
  const page = pages.at(what?.endsWith('UPDATE') ? -1 : 0)
  if (what === undefined || page === undefined) return
  const [, database = '', file = '', , block = ''] = page
  const own = () => fileOf(files, Number(database), Number(file))
  const place = `(${block},${/ (?:old_)?off:? (\d+)/.exec(line)?.[1] ?? ''})`
  if (what === 'INSERT') own().inserted++
  else if (what === 'MULTI_INSERT') own().inserted += Number(/MULTI_INSERT(?:\+INIT)? (?:ntuples:? ?)?(\d+)/.exec(line)?.[1] ?? 1)
  else if (what === 'UPDATE' || what === 'HOT_UPDATE') {
    own().updated++
    own().places.push(place)
  } else if (what === 'DELETE') {
    own().deleted++
    own().places.push(place)
  }
}
