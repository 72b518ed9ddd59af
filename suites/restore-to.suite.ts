import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { silentContext } from '../src/base/context.ts'
import { parseLsn } from '../src/base/lsn.ts'
import type { PointsResult, RestoreResult } from '../src/index.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { datapipe, resultOf, startDatapipe, told } from './cli.ts'
import { at, expectRefusal, expectSuccess } from './cli-outcomes.ts'

/**
 * One history, of rows n = 1, 2, 3…, a transaction each: 1 and 2 before the first base backup, 3 to 7 between two recovery points on it, 8 in a gap,
 * 9 before a second base backup and its point. The tests go on from each other.
 */
let stack: EmbeddedStack
let directory: string
let file: string
/** Where each row's transaction ended, and when. */
const written = new Map<number, { xid: string; lsn: string; time: string }>()
let followed: string[]
/** Of the first base backup. */
let baseEnd: string

beforeAll(async () => {
  stack = await startEmbeddedStack({ components: ['postgres'], context: silentContext() })
  directory = await mkdtemp(join(tmpdir(), 'datapipe-restore-to-'))
  file = join(directory, 'datapipe.yaml')
  const { postgres } = stack.config('file:///unused')
  await writeFile(file, stringify({ repository: { url: pathToFileURL(join(directory, 'repository')).href }, postgres }), { mode: 0o600 })
  await sql('CREATE TABLE entry (n int PRIMARY KEY)')
  await write(1)
  await write(2)
  using following = startDatapipe(['--json', '--config', file, 'backup', '--follow', '--every', '3600', '--label', 'nightly'])
  await following.event((event) => event.type === 'log' && event.message.startsWith('recovery point committed'))
  for (const n of [3, 4, 5]) await write(n)
  await sql("SELECT pg_create_restore_point('before the mistake')")
  for (const n of [6, 7]) await write(n)
  following.kill('SIGINT')
  expect((await following.ended).exitCode).toBe(0)
  await write(8)
  await write(9)
  await expectSuccess(at(file, 'backup', '--label', 'before the upgrade'))
  await write(10)
  await stack.destroy('postgres')
})

afterAll(async () => {
  await stack?.down()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

test('points shows windows, the gap between them, named points and commits, without a server', async () => {
  const found = resultOf<PointsResult>(await expectSuccess(at(file, 'points', '--commits', '4')))
  const [first, second] = found.windows
  expect(found.windows).toHaveLength(2)
  expect(first?.backups).toHaveLength(2)
  followed = first?.backups ?? []
  expect(first?.commits).toBe(5)
  baseEnd = first?.from.lsn ?? ''
  expect(first).toMatchObject({ first: { xid: of(3).xid, lsn: of(3).lsn }, to: { xid: of(7).xid } })
  // The WAL before a base backup is not stored with it.
  expect(second).toMatchObject({ commits: 0, from: { lsn: expect.stringMatching(/^0\/\w+$/) as string } })
  expect(found.gaps).toEqual([{ after: first?.to, before: second?.from }])
  expect(found.points.map(({ name, kind, xid, backup }) => [name, kind, xid, backup])).toEqual([
    ['nightly', 'backup', undefined, followed[0]],
    ['before the mistake', 'restore-point', of(5).xid, followed[1]],
    ['nightly', 'backup', of(7).xid, followed[1]],
    ['before the upgrade', 'backup', undefined, second?.backups[0]],
  ])
  expect(found.commits.map(({ xid }) => xid)).toEqual([4, 5, 6, 7].map((n) => of(n).xid))
  const narrow = resultOf<PointsResult>(await expectSuccess(at(file, 'points', '--from', of(4).time, '--to', of(6).lsn, '--commits', '9')))
  expect(narrow.commits.map(({ xid }) => xid)).toEqual([5, 6].map((n) => of(n).xid))
  const text = await datapipe(['--config', file, 'points'])
  expect(text.stdout, told(text)).toMatch(/before the mistake +restore-point +0\/[0-9A-F]+ +\d{4}-\d\d-\d\dT[\d:.]+Z +\d+ +\d{8}T\d{6}Z-/)
})

test('moments that no backup reaches are refused before anything is touched, with the nearest that are reached', async () => {
  const to = (text: string, ...more: string[]) => at(file, 'restore', ...more, '--to', text)
  const near = /the nearest moment before it is 0\/[0-9A-F]+ \(.+Z\); the nearest behind it is 0\/[0-9A-F]+$/
  expectRefusal(await to(of(8).lsn), 68, 'point-unreachable', near)
  expectRefusal(
    await to(`xid:${of(8).xid}`),
    68,
    'point-unreachable',
    /no transaction \d+ commits in the stored WAL; backups reach from 0\/\w+; to 0\/\w+$/,
  )
  expectRefusal(await to(of(8).time), 68, 'point-unreachable', near)
  expectRefusal(await to(of(1).time), 68, 'point-unreachable', /the stored WAL begins behind it; the nearest behind it is 0\/\w+$/)
  expectRefusal(await to('2999-01-01T00:00:00Z'), 68, 'point-unreachable', /the stored WAL ends before it; the nearest moment before it is/)
  expectRefusal(await to('xid:4000000000'), 68, 'point-unreachable', /no transaction 4000000000 commits/)
  expectRefusal(
    await to('after the party'),
    68,
    'point-unreachable',
    /no backup and no restore point is called after the party; there are .*before the mistake/,
  )
  expectRefusal(await to('nightly'), 64, 'usage', /names 2 backups/)
  expectRefusal(await to(of(4).lsn, followed[0] ?? ''), 68, 'point-unreachable', /lies outside of the stored WAL; the nearest moment before it is/)
  expectRefusal(await to('lsn:731'), 64, 'usage', /is no name, time, LSN or xid/)
  expectRefusal(await at(file, 'restore'), 64, 'usage', /neither a BACKUP nor --to/)
})

test.each([
  ['an xid: that transaction is the last', () => `${of(4).xid}`, 4],
  ['an LSN between two commits', () => between(3, 4), 3],
  ['a time, with the zone of whoever types it', () => of(6).time.replace('Z', '+00:00'), 6],
  ['a restore point', () => 'before the mistake', 5],
  ['the end of a base backup', () => baseEnd, 2],
  ['a label', () => 'before the upgrade', 9],
  ['latest', () => 'latest', 9],
])('restore --to %s', async (_title, target, last) => {
  const run = await at(file, 'restore', '--to', target(), '--in-place')
  expect(run.exitCode, told(run)).toBe(0)
  const result = resultOf<RestoreResult>(run)
  expect(await sql('SELECT n FROM entry ORDER BY n')).toEqual(Array.from({ length: last }, (_, index) => ({ n: index + 1 })))
  if (last > 2 && last < 9) expect(result.recoveryPoint).toMatchObject({ kind: 'transaction', postgres: { lsn: of(last).lsn, xid: of(last).xid } })
  await stack.destroy('postgres')
})

test('a backup whose WAL cannot be read is told, and does not hide the others', async () => {
  const wal = join(directory, 'repository', 'wal')
  const newest =
    (await readdir(wal, { recursive: true }))
      .filter((name) => name.endsWith('.zst'))
      .sort()
      .at(-1) ?? ''
  await rm(join(wal, newest))
  const run = await at(file, 'points')
  expect(run.exitCode, told(run)).toBe(21)
  const { windows, findings } = resultOf<PointsResult>(run)
  expect(windows.map(({ backups }) => backups)).toEqual([followed])
  expect(findings).toMatchObject([
    { code: 'wal-unreadable', severity: 'harm', message: expect.stringMatching(/WAL segment \w+ is missing/) as string },
  ])
  expectRefusal(await at(file, 'restore', '--to', '0/1', '--only', 'postgres'), 68, 'point-unreachable', /outside of the stored WAL/)
})

function of(n: number): { xid: string; lsn: string; time: string } {
  const found = written.get(n)
  if (found === undefined) throw new Error(`row ${n} was not written`)
  return found
}

/** In the middle of the later transaction, whose first records lie behind the earlier commit. */
function between(earlier: number, later: number): string {
  const [from, to] = [parseLsn(of(earlier).lsn), parseLsn(of(later).lsn)]
  const middle = from + (to - from) / 2n
  return `${(middle >> 32n).toString(16)}/${(middle & 0xffffffffn).toString(16)}`
}

/** One transaction; nobody else writes, so the end of the WAL is its end, and the clock now lies between it and the next. */
async function write(n: number): Promise<void> {
  const [row] = await sql(`INSERT INTO entry VALUES (${n}) RETURNING pg_current_xact_id()::text AS xid`)
  const [end] = await sql(
    `SELECT pg_current_wal_insert_lsn()::text AS lsn, to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS time`,
  )
  written.set(n, { xid: `${row?.xid}`, lsn: `${end?.lsn}`, time: `${end?.time}` })
}

async function sql(text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: stack.config('file:///unused').postgres?.url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}
