import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { inDirectory, runForTest } from '../test-cli.ts'
import { backupText } from './backup.ts'
import { backupPlanText, backupShardText } from './backup-shards.ts'
import { expireText } from './expire.ts'
import { checkText } from './check.ts'
import { diffText } from './diff.ts'
import { importText } from './import.ts'
import { pointsText } from './points.ts'
import { restoreText } from './restore.ts'
import { stackUpText } from './stack.ts'
import { wipeText } from './wipe.ts'

const fixture = pathToFileURL(join(import.meta.dirname, '../../../fixtures/backups/format-1')).href
const id = '20261125T030000Z-0001'
const recoveryPoint = {
  name: 'p',
  kind: 'barrier' as const,
  takenAt: '2026-11-25T03:00:30Z',
  postgres: { systemIdentifier: '7', timeline: 1, lsn: '0/16B3748' },
}
const harm = { severity: 'harm' as const, code: 'x', component: 'kafka' as const, item: 'orders/0/17', message: 'is missing', next: 'datapipe diff' }
const note = { severity: 'note' as const, code: 'y', component: 'connect' as const, item: 'cdc', message: 'needs a secret' }
const plan = [
  { component: 'kafka' as const, text: 'create topic orders', destructive: false },
  { component: 'postgres' as const, text: 'drop schema public', destructive: true },
]

async function run(...argv: string[]) {
  return await inDirectory({ 'datapipe.yaml': `repository: { url: "${fixture}" }` }, (directory) =>
    runForTest(['--quiet', ...argv, '--config', `${directory}/datapipe.yaml`]),
  )
}

test('points: windows, what lies between them, named points and commits; a backup whose WAL cannot be read is told', async () => {
  const place = (lsn: string, second: number) => ({ lsn, xid: String(700 + second), time: `2026-11-25T03:00:0${second}.000000Z` })
  const window = { systemIdentifier: '7', timeline: 1, commits: 5, backups: ['b1', 'b2'] }
  const brings = { postgres: '0/200', kafka: 'end offsets of the backup', registry: 'as in b1', connect: 'as in b1' }
  const text = pointsText({
    exitCode: 0,
    url: 'file:///r',
    windows: [
      { ...window, from: { lsn: '0/100' }, first: place('0/120', 1), to: place('0/200', 2) },
      { ...window, from: { lsn: '0/300' }, to: place('0/300', 3), commits: 0 },
    ],
    gaps: [{ after: place('0/200', 2), before: { lsn: '0/300' } }],
    points: [
      { ...place('0/200', 2), name: 'nightly', kind: 'backup', backup: 'b1', brings },
      { ...place('0/250', 3), name: 'mark', kind: 'restore-point', backup: undefined, brings },
    ],
    commits: [place('0/200', 2)],
    findings: [],
  })
  expect(text).toBe(`every commit in these windows can be restored:
FROM   FIRST COMMIT                 TO     LAST COMMIT                  COMMITS  BACKUPS
0/100  2026-11-25T03:00:01.000000Z  0/200  2026-11-25T03:00:02.000000Z        5        2
0/300  -                            0/300  -                                  0        2
not reachable: behind 0/200 (2026-11-25T03:00:02.000000Z), before 0/300

POINT    KIND           LSN    LAST COMMIT                  XID  FROM BACKUP  TOPICS
nightly  backup         0/200  2026-11-25T03:00:02.000000Z  702  b1           end offsets of the backup
mark     restore-point  0/250  2026-11-25T03:00:03.000000Z  703  not reached

COMMIT ENDS AT  TIME                         XID
0/200           2026-11-25T03:00:02.000000Z  702
`)
  expect(pointsText({ exitCode: 21, url: 'file:///r', windows: [], gaps: [], points: [], commits: [], findings: [harm] })).toBe(
    'no reachable points in file:///r\nharm: kafka: orders/0/17: is missing\n  next: datapipe diff\n',
  )
  // A backup of topics alone.
  expect(await run('points')).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^no reachable points in file:/) as string })
})

test('list: one line a backup', async () => {
  expect(await run('list')).toMatchObject({
    exitCode: 0,
    stdout: `BACKUP                 STATE      SIZE  EARLIER   WAL  COMPONENTS              RECOVERY POINT  LABEL
${id}  complete  991 B      0 B  23 B  kafka registry connect  0/16B3748       fixture
`,
    stderr: '',
  })
})

test('show: recovery point, topics with counts, connectors with the secrets that they need', async () => {
  const { exitCode, stdout } = await run('show', '2026')
  expect(exitCode).toBe(0)
  expect(stdout).toContain(`backup ${id} "fixture": complete\n`)
  expect(stdout).toContain('  TOPIC   KIND  PARTITIONS  RECORDS  SIZE\n  orders  cdc            1        1  81 B\n')
  expect(stdout).toContain('confluent 7.6.13')
  expect(stdout).toMatch(/cdc +RUNNING +io\.debezium\S+ +database\.password\n/)
})

test('verify: the verdict and every finding', async () => {
  const { exitCode, stdout } = await run('verify')
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(
    new RegExp(`^${id}: intact: 4 files, 1\\.0 kB read in \\d\\.\\d s\nnote: connect: cdc: needs database\\.password at a restore\n$`),
  )
})

test('backup: an incomplete one says so before anything else, and lists harm first', () => {
  const text = backupText({
    exitCode: 22,
    id,
    resumed: true,
    recoveryPoint,
    pausedSeconds: 0.84,
    attempts: 2,
    artifacts: 12,
    bytes: 1_500_000,
    earlier: { backups: [], files: 0, bytes: 0 },
    records: 12_345,
    seconds: 61,
    phases: [],
    findings: [note, harm],
  })
  expect(text).toBe(`backup ${id} is incomplete: the gaps are below, after 1 min 1 s, going on with an unfinished one
  size                        1.5 MB in 12 files
  records                     12.3 k
  recovery point              barrier, 2026-11-25T03:00:30Z, 0/16B3748
  change capture stood still  0.8 s (2 attempts)
harm: kafka: orders/0/17: is missing
  next: datapipe diff
note: connect: cdc: needs a secret
`)
})

test('restore: a dry run is a numbered plan in which destructive steps stand out', () => {
  const result = {
    backup: id,
    dryRun: true,
    recoveryPoint,
    plan,
    outcomes: [],
    slots: [],
    seconds: 1,
    findings: [],
  }
  expect(restoreText(result)).toBe(`plan to restore ${id} (barrier, 2026-11-25T03:00:30Z, 0/16B3748); nothing was touched
1.   kafka: create topic orders
2. ! postgres: drop schema public
`)
  const outcomes = [{ component: 'kafka' as const, counts: { topics: 3, records: 70 }, bytes: 1200, findings: [] }]
  const slots = [{ connector: 'cdc', slot: 'debezium', confirmedFlushLsn: '0/2000000' }]
  expect(restoreText({ ...result, dryRun: false, outcomes, slots })).toBe(`restored ${id} (barrier, 2026-11-25T03:00:30Z, 0/16B3748) in 1.0 s
  kafka  3 topics, 70 records  1.2 kB
  slot debezium of cdc stands at 0/2000000
`)
})

test('wipe: a dry run ends with what confirms it', () => {
  const targets = [{ component: 'kafka' as const, identity: 'abc', empty: false, contents: ['orders'] }]
  expect(wipeText({ exitCode: 0, dryRun: true, identity: 'abc', targets, plan, seconds: 1 })).toMatch(
    /^plan to wipe kafka abc; nothing was touched\n1\. [\s\S]*--yes abc\n$/,
  )
})

test('check: each item, what to type below those that did not pass, and the count', () => {
  const items = [
    { component: 'postgres' as const, name: 'wal_level is logical', verdict: 'pass' as const, detail: 'logical', next: 'not shown' },
    { component: 'kafka' as const, name: 'answers', verdict: 'fail' as const, detail: 'refused\nsecond line', next: 'start it' },
  ]
  expect(checkText({ exitCode: 20, items })).toBe(`✓  postgres  wal_level is logical  logical
✗  kafka     answers               refused
     next: start it
1 passed, 1 failed, 0 warnings, 0 not run
`)
})

test('diff: what differs first, the verdict last', () => {
  expect(diffText({ exitCode: 20, a: id, b: 'live', compared: ['kafka'], differing: ['kafka'], findings: [harm] })).toBe(
    `harm: kafka: orders/0/17: is missing\n  next: datapipe diff\n${id} and live differ: kafka\n`,
  )
  expect(diffText({ exitCode: 0, a: id, b: 'live', compared: ['kafka'], differing: ['kafka'], findings: [] })).toBe(
    `${id} and live are the same: kafka\n`,
  )
  expect(diffText({ exitCode: 21, a: id, b: 'live', compared: ['kafka'], differing: ['kafka'], findings: [] })).toContain(
    'as far as they could be compared',
  )
})

test('export: each file with what it does not hold; import: what went where', async () => {
  await inDirectory({ 'datapipe.yaml': `repository: { url: "${fixture}" }` }, async (directory) => {
    const typed = [
      '--quiet',
      'export',
      id,
      '--topic',
      'orders',
      '--format',
      'raw',
      '--output',
      `${directory}/out`,
      '--config',
      `${directory}/datapipe.yaml`,
    ]
    expect(await runForTest(typed)).toMatchObject({ exitCode: 0, stdout: `${directory}/out/orders.raw.jsonl  1 records\n1 of backup ${id}\n` })
    expect(await runForTest(typed)).toMatchObject({ exitCode: 40, stderr: expect.stringContaining('is there already') as string })
  })
  const file = { file: 'f', topic: 'orders', format: 'avro-json' as const, records: 3, tombstones: 1, lost: { headers: 2, schemaIds: 6 } }
  expect(importText({ exitCode: 0, dryRun: true, files: [file] })).toBe(
    'f: 3 records (1 tombstones) would go into orders; not in it: 2 headers, 6 schema ids\n',
  )
})

test('expire: a plan says what stays, what goes, and the word that confirms it; afterwards what has gone', () => {
  const plan = { keep: [{ id, finishedAt: '2026-11-25T03:01:00Z' }], remove: [{ id: '20261120T030000Z-0000', finishedAt: '2026-11-20T03:01:00Z' }] }
  const result = { exitCode: 0, identity: 'file:///mnt/backups', plan, files: 12, bytes: 1_500_000, seconds: 0.4 }
  expect(expireText({ ...result, dryRun: true })).toBe(`plan: remove 1 backups and 12 files that no other needs, 1.5 MB; nothing was touched
  keep    ${id}  2026-11-25T03:01:00Z
  remove  20261120T030000Z-0000  2026-11-20T03:01:00Z
to do it: repeat it with --yes file:///mnt/backups
`)
  expect(expireText({ ...result, dryRun: false })).toBe(`removed 1 backups and 12 files that no other needs, 1.5 MB, in 0.4 s
  keep    ${id}  2026-11-25T03:01:00Z
  removed 20261120T030000Z-0000  2026-11-20T03:01:00Z
`)
})

test('backup in shards: the plan gives the load of each and the lines to type', () => {
  const load = [
    { partitions: 5, offsets: 1200n },
    { partitions: 7, offsets: 800n },
  ]
  expect(
    backupPlanText({ exitCode: 0, id, shards: 2, recoveryPoint, load, seconds: 2 }),
  ).toBe(`backup ${id} is planned in 2 shards, after 2.0 s: barrier, 2026-11-25T03:00:30Z
  SHARD  PARTITIONS  OFFSETS
  1/2             5     1200
  2/2             7      800
store each with: datapipe backup --shard I/2 --id ${id}
and then:        datapipe backup --merge --id ${id}
`)
  const shard = { exitCode: 0, id, shard: 2, shards: 2, already: false, partitions: 7, bytes: 2_000_000, records: 800, seconds: 3 }
  expect(backupShardText(shard)).toBe(`shard 2/2 of backup ${id} is stored: 7 partitions, 800 records, 2.0 MB new, in 3.0 s\n`)
  expect(backupShardText({ ...shard, already: true })).toBe(`shard 2/2 of backup ${id} was stored before\n`)
})

test('stack up: commands to go on with stand behind the configuration, each with its reason', () => {
  const next = [{ why: 'a backup', command: 'datapipe backup --config /s/datapipe.yaml' }]
  const text = stackUpText({ directory: '/s', configText: 'kafka: {}', configFile: '/s/datapipe.yaml', next, servers: [], versions: {} })
  expect(text).toContain('kafka: {}\n\nnext, for example:\n  # a backup\n  datapipe backup --config /s/datapipe.yaml\n\nstop it with: ')
})
