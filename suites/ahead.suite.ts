import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Finding } from '../src/base/finding.ts'
import { parseLsn } from '../src/base/lsn.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import type { ListResult } from '../src/commands/list.ts'
import type { RestoreResult } from '../src/commands/restore.ts'
import { openDecoder } from '../src/drill/observers/avro-decoder.ts'
import { type CliRun, resultOf, startDatapipe, told } from './cli.ts'
import { at, expectRefusal, expectSuccess } from './cli-outcomes.ts'
import { readEverything } from './kafka-reading.ts'
import { type SmallPipeline, startSmallPipeline } from './small-pipeline.ts'

/**
 * PostgreSQL is lost and goes back to a backup, Kafka and registry live on: the topic holds events of transactions that no longer are. By the
 * command line; one backup, to which the database goes back in every test.
 */
let directory: string
let pipeline: SmallPipeline
let config: string
let id: string
let cut: string
/** The xid of a transaction before the backup's point. */
let middle: string

const topic = 'shop.public.item'
/** That a phantom has. */
const highest = { lsn: 0n, xid: 0n }

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-ahead-'))
  await chmod(directory, 0o755)
  pipeline = await startSmallPipeline(directory)
  config = await pipeline.configFile('datapipe')
  // Two points on one base backup: every commit in between can be restored.
  using following = startDatapipe(['--json', '--config', config, 'backup', '--follow', '--every', '3600'])
  await following.event((event) => event.type === 'log' && event.message.startsWith('recovery point committed'))
  const [written] = await pipeline.sql(
    "WITH written AS (INSERT INTO item VALUES (151, 'kept') RETURNING 1) SELECT pg_current_xact_id()::text AS xid FROM written",
  )
  middle = String(written?.xid)
  await pipeline.sql("INSERT INTO item VALUES (152, 'kept by the backup')")
  await untilThere('kept by the backup')
  following.kill('SIGINT')
  expect((await following.ended).exitCode).toBe(0)
  const last = resultOf<ListResult>(await expectSuccess(on('list'))).backups.at(-1)
  id = last?.id ?? ''
  cut = last?.recoveryPoint?.postgres?.lsn ?? ''
  // Phantoms: a row that was there is changed, another is deleted, a new one comes and stays, one comes and goes.
  await pipeline.sql("UPDATE item SET name = 'phantom' WHERE id = 2")
  await pipeline.sql('DELETE FROM item WHERE id = 3')
  await pipeline.sql("BEGIN; INSERT INTO item VALUES (201, 'phantom'); INSERT INTO item VALUES (202, 'phantom'); COMMIT")
  await pipeline.sql("UPDATE item SET name = 'phantom again' WHERE id = 201")
  await pipeline.sql('DELETE FROM item WHERE id = 202')
  await pipeline.sql("INSERT INTO item VALUES (203, 'last phantom')")
  await untilThere('last phantom')
  await setPosition((await end()) - 1)
})

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

const on = (...args: string[]) => at(config, ...args)
const ahead = ['--only', 'postgres', 'connect'] as const
const plan = (run: CliRun) => resultOf<RestoreResult>(run).plan.map(({ text }) => text)
const findings = (run: CliRun) => resultOf<{ findings: Finding[] }>(run).findings

async function losePostgres(): Promise<void> {
  const { identity } = resultOf<{ identity: string }>(await expectSuccess(on('wipe', '--only', 'connect', '--dry-run')))
  await expectSuccess(on('wipe', '--only', 'connect', '--yes', identity))
  await pipeline.stack.destroy('postgres')
}

async function withAdmin<T>(use: (admin: ReturnType<SmallPipeline['kafka']['admin']>) => Promise<T>): Promise<T> {
  const admin = pipeline.kafka.admin()
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

const end = () => withAdmin(async (admin) => Number((await admin.fetchTopicOffsets(topic))[0]?.high))
const setPosition = (offset: number) =>
  withAdmin((admin) => admin.setOffsets({ groupId: 'billing', topic, partitions: [{ partition: 0, offset: `${offset}` }] }))
const position = () =>
  withAdmin(async (admin) => Number((await admin.fetchOffsets({ groupId: 'billing', topics: [topic] }))[0]?.partitions[0]?.offset))

type Row = { id: number; name: string }

/** What a consumer makes of the topic: the last state of each key, by a decoder that is not the engine's. */
async function materialised(): Promise<Row[]> {
  const { registry } = pipeline.stack.config('file:///unused')
  if (registry === undefined) throw new Error('the stack has no registry')
  const decoder = await openDecoder(registry)
  const rows = new Map<string, Row>()
  for (const { key, value } of (await readEverything(pipeline.kafka, [topic]))[`${topic}/0`] ?? []) {
    const event = value === null ? null : ((await decoder.decode(Buffer.from(value, 'hex'))) as { after: Row | null })
    if (event?.after == null) rows.delete(String(key))
    else rows.set(String(key), { id: event.after.id, name: event.after.name })
  }
  return [...rows.values()].sort((a, b) => a.id - b.id)
}

const table = async () => (await pipeline.sql('SELECT id, name FROM item ORDER BY id')) as Row[]

const untilThere = (name: string) =>
  waitUntil(async () => (await materialised()).some((row) => row.name === name), {
    what: `an event with ${name}`,
    timeoutMs: 120_000,
    everyMs: 300,
    lastWords: () => pipeline.stack.lastLog('connect', 40),
  })

test('by default phantoms are left, told with who has read them, and listed on demand', async () => {
  await losePostgres()
  const list = join(directory, 'phantoms.jsonl')
  const dry = await on('restore', id, ...ahead, '--dry-run', '--phantom-list', list)
  expect(plan(dry)).toContainEqual(expect.stringMatching(/^leave in shop\.public\.item 7 events of 6 transactions that no longer are, on 4 keys/))
  const lines = (await readFile(list, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { offset: string; op: string | null; lsn: string | null; txId: string | null; key: string })
  expect(lines.map(({ op }) => op)).toEqual(['u', 'd', null, 'c', 'c', 'u', 'd', null, 'c'])
  for (const { lsn, txId } of lines) {
    if (lsn !== null && parseLsn(lsn) > highest.lsn) highest.lsn = parseLsn(lsn)
    if (txId !== null && BigInt(txId) > highest.xid) highest.xid = BigInt(txId)
  }
  for (const { lsn } of lines) if (lsn !== null) expect(parseLsn(lsn)).toBeGreaterThanOrEqual(parseLsn(cut))
  expect(new Set(lines.flatMap(({ txId }) => txId ?? [])).size).toBe(6)
  expectRefusal(await on('restore', id, ...ahead, '--dry-run', '--phantom-list', list), 40, 'target-not-empty', /phantoms\.jsonl is there already/)

  const run = await on('restore', id, ...ahead)
  expect(run.exitCode, told(run)).toBe(22)
  expect(findings(run)).toContainEqual(
    expect.objectContaining({
      severity: 'harm',
      code: 'phantom-events',
      item: topic,
      message: expect.stringMatching(/7 events of 6 transactions .* on 4 keys, from 0\/\d+ on .*; read already by billing$/) as string,
    }),
  )
  expect(findings(run)).toContainEqual(
    expect.objectContaining({ severity: 'warning', code: 'positions-reused', message: expect.stringMatching(/xids up to \d+/) as string }),
  )
  // The damage: consumers and database disagree.
  expect(await table()).not.toEqual(await materialised())
  expect((await materialised()).map((row) => row.id)).toContain(201)
})

test('at a moment before the point, what the backup holds behind it is a phantom, too', async () => {
  const dry = await on('restore', '--to', `xid:${middle}`, ...ahead, '--dry-run')
  expect(plan(dry)).toContainEqual(expect.stringMatching(/^leave in shop\.public\.item 8 events of 7 transactions that no longer are, on 5 keys/))
})

test('a database can be had while Kafka does not answer: that nobody has looked is told', async () => {
  await losePostgres()
  const alone = await pipeline.configFile('no-kafka', ({ kafka }) => {
    kafka.bootstrapServers = ['127.0.0.1:1']
  })
  const run = await expectSuccess(at(alone, 'restore', id, '--only', 'postgres', '--dry-run'))
  expect(findings(run)).toContainEqual(expect.objectContaining({ severity: 'warning', code: 'phantoms-not-looked-at' }))
})

test('a choice that fits no restore of PostgreSQL alone is refused', async () => {
  expectRefusal(
    await on('restore', id, '--only', 'kafka', '--in-place', '--phantoms', 'report', '--dry-run'),
    64,
    'usage',
    /only where PostgreSQL is restored/,
  )
})

test('compensate: consumers of the topic come back to the cut; a repetition writes nothing more', async () => {
  await losePostgres()
  const before = await end()
  const run = await on('restore', id, ...ahead, '--phantoms', 'compensate', '--leave-connectors-stopped')
  expect(run.exitCode, told(run)).toBe(0)
  expect(findings(run).map(({ code }) => code)).not.toContain('phantom-events')
  // 2 and 3 as they were, 201 and 203 deleted with a tombstone each; 202 was gone already.
  expect(resultOf<RestoreResult>(run).outcomes).toContainEqual(
    expect.objectContaining({ component: 'kafka', counts: { 'compensated keys': 4, records: 6 } }),
  )
  expect(await end()).toBe(before + 6)
  expect(await materialised()).toEqual(await table())
  const written = ((await readEverything(pipeline.kafka, [topic]))[`${topic}/0`] ?? []).slice(-6)
  for (const { headers } of written) expect(headers.map(([name]) => name)).toEqual(['datapipe.compensates'])

  await losePostgres()
  const again = await on('restore', id, ...ahead, '--phantoms', 'compensate', '--lift')
  // What the first phantoms had is not given out again.
  expect(findings(again).map(({ code }) => code)).not.toContain('positions-reused')
  const [now] = await pipeline.sql('SELECT pg_current_wal_flush_lsn()::text AS lsn, pg_snapshot_xmax(pg_current_snapshot())::text AS xid')
  expect(parseLsn(String(now?.lsn))).toBeGreaterThan(highest.lsn)
  expect(BigInt(String(now?.xid))).toBeGreaterThan(highest.xid)
  expect(again.exitCode, told(again)).toBe(0)
  expect(plan(again)).toContainEqual(expect.stringMatching(/^leave in shop\.public\.item .*: they are undone/))
  expect((await materialised()).length).toBe(22)
  await pipeline.untilConnector('RUNNING RUNNING')
  await pipeline.sql("INSERT INTO item VALUES (250, 'after compensation')")
  await untilThere('after compensation')
  expect(await end()).toBe(before + 7)
  expect(await materialised()).toEqual(await table())
})

test('truncate: the topic is restored without them, and its group stands on the end', async () => {
  await losePostgres()
  // What stands there is no change event: a dry run says that nobody can tell.
  const producer = pipeline.kafka.producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value: 'by hand' }] })
  await producer.disconnect()
  const dry = await on('restore', id, ...ahead, '--dry-run')
  expect(findings(dry)).toContainEqual(
    expect.objectContaining({ severity: 'warning', code: 'phantoms-unknown', message: expect.stringContaining('neither Avro') as string }),
  )
  const all = await end()
  expectRefusal(await on('restore', id, ...ahead, '--phantoms', 'truncate'), 41, 'target-is-source', /deletes live topics: shop\.public\.item/)
  expect(await end()).toBe(all)
  const run = await on('restore', id, ...ahead, '--phantoms', 'truncate', '--in-place')
  expect(run.exitCode, told(run)).toBe(0)
  expect(await end()).toBeLessThanOrEqual(all - 9)
  expect(await position()).toBe(await end())
  expect(await materialised()).toEqual(await table())
  await pipeline.untilConnector('RUNNING RUNNING')
  await pipeline.sql("INSERT INTO item VALUES (301, 'after truncation')")
  await untilThere('after truncation')
  expect(await materialised()).toEqual(await table())
})
