import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseLsn } from '../src/base/lsn.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { ledgerEvents } from '../src/drill/checkers/ledger-events.ts'
import { ledgerPrefix } from '../src/drill/checkers/ledger-prefix.ts'
import { observeEvents } from '../src/drill/observers/observe-events.ts'
import { observeLedger } from '../src/drill/observers/observe-ledger.ts'
import { readLedgerHistory } from '../src/drill/workloads/ledger-history.ts'
import { LedgerWriter } from '../src/drill/workloads/ledger-writer.ts'
import type { PointsResult, RestoreResult } from '../src/index.ts'
import { resultOf, startDatapipe, told } from './cli.ts'
import { at, expectSuccess } from './cli-outcomes.ts'
import { readEverything } from './kafka-reading.ts'
import { type SmallPipeline, startSmallPipeline } from './small-pipeline.ts'

/** All four components, brought to a commit in the middle of what two recovery points enclose, while a writer went on. The tests go on from each other. */
let directory: string
let pipeline: SmallPipeline
let config: string
let historyFile: string
let restored: RestoreResult

const topics = Object.fromEntries(['ledger_account', 'ledger_transfer', 'ledger_entry'].map((table) => [`shop.public.${table}`, table]))

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-restore-to-'))
  // The restored server runs under another user where we are root.
  await chmod(directory, 0o755)
  historyFile = join(directory, 'ledger.jsonl')
  pipeline = await startSmallPipeline(directory)
  config = await pipeline.configFile('datapipe')
  const fixture = await readFile(new URL('../fixtures/sql/10-shop.sql', import.meta.url), 'utf8')
  const tables = [...fixture.matchAll(/^CREATE TABLE public\.ledger_[^;]*;/gm)].map(([statement]) => statement)
  await pipeline.sql(`${tables.join('\n')} ALTER PUBLICATION shop_publication ADD TABLE ledger_account, ledger_transfer, ledger_entry`)
  const { body } = await pipeline.connect('GET', `/connectors/${pipeline.connector}/config`)
  const settings = { ...(body as Record<string, string>), 'table.include.list': 'public\\.(item|ledger_.*)' }
  expect(await pipeline.connect('PUT', `/connectors/${pipeline.connector}/config`, settings)).toMatchObject({ status: 200 })
  await pipeline.untilConnector('RUNNING RUNNING')
  await pipeline.sql('INSERT INTO ledger_account (id, balance) SELECT i, 1000000 FROM generate_series(1, 10) i')
})

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

const servers = () => {
  const { kafka, registry, postgres } = pipeline.stack.config('file:///unused')
  if (!kafka || !registry || !postgres) throw new Error('the stack lacks a server')
  return { kafka, registry, url: postgres.url }
}
const events = () => observeEvents(servers().kafka, servers().registry, { topics, signal: AbortSignal.timeout(120_000) })

/** Of an application, and of a group that has read all of them. */
async function order(text: string): Promise<void> {
  const producer = pipeline.kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'orders', messages: [{ partition: 0, key: text, value: text }] })
  await producer.disconnect()
}

/** A group that has read events of transactions behind the moment, which had so many transfers. */
async function readBehind(transfers: number): Promise<void> {
  const admin = pipeline.kafka.admin()
  await admin.connect()
  const offset = await waitUntil(
    async () => {
      const [partition] = await admin.fetchTopicOffsets('shop.public.ledger_transfer')
      return partition !== undefined && Number(partition.high) > transfers ? partition.high : undefined
    },
    { what: 'events of transfers behind the moment', timeoutMs: 120_000, everyMs: 100, lastWords: () => pipeline.stack.lastLog('connect', 30) },
  )
  await admin.setOffsets({ groupId: 'billing', topic: 'shop.public.ledger_transfer', partitions: [{ partition: 0, offset }] })
  await admin.disconnect()
}

test('restore --to brings all components to a commit between two recovery points', async () => {
  await using writer = await LedgerWriter.start({ url: servers().url, historyFile, seed: 11, connections: 3, perSecond: 60 })
  using following = startDatapipe(['--json', '--config', config, 'backup', '--follow', '--every', '3600'])
  await following.event((event) => event.type === 'log' && event.message.startsWith('recovery point committed'))
  const committed = async (more: number) => {
    const { ok } = writer.counts
    await waitUntil(async () => writer.counts.ok > ok + more, { what: `${more} transfers`, timeoutMs: 120_000 })
  }
  await committed(40)
  await order('before the moment')
  await committed(40)
  const [middle] = await pipeline.sql(
    "SELECT (SELECT count(*) FROM ledger_transfer) AS transfers, pg_current_wal_insert_lsn()::text AS lsn, pg_create_restore_point('the moment')",
  )
  await committed(20)
  await order('behind the moment')
  await readBehind(Number(middle?.transfers))
  await committed(20)
  following.kill('SIGINT')
  expect((await following.ended).exitCode).toBe(0)
  await writer.pause()

  const points = resultOf<PointsResult>(await expectSuccess(at(config, 'points')))
  expect(points.windows).toHaveLength(1)
  expect(points.windows[0]?.commits).toBeGreaterThan(100)
  const source = await readEverything(pipeline.kafka, [...Object.keys(topics), 'orders'])
  const refused = await at(config, 'wipe')
  await expectSuccess(at(config, 'wipe', '--yes', refused.error?.path ?? ''))
  await pipeline.stack.destroy('postgres')

  const run = await at(config, 'restore', '--to', 'the moment', '--in-place', '--leave-connectors-stopped')
  expect(run.exitCode, told(run)).toBe(0)
  restored = resultOf<RestoreResult>(run)
  const { recoveryPoint, findings } = restored
  expect(recoveryPoint).toMatchObject({ kind: 'transaction', name: 'the moment' })
  expect(parseLsn(recoveryPoint.postgres?.lsn ?? '')).toBeLessThanOrEqual(parseLsn(`${middle?.lsn}`))
  expect(findings).toContainEqual(expect.objectContaining({ code: 'group-beyond-cut', item: 'billing/shop.public.ledger_transfer/0' }))

  const back = await readEverything(pipeline.kafka, [...Object.keys(topics), 'orders'])
  for (const [partition, records] of Object.entries(back)) expect(records, partition).toEqual(source[partition]?.slice(0, records.length))
  const orders = back['orders/0']?.map(({ value }) => Buffer.from(value ?? '', 'hex').toString())
  expect(orders?.at(-1)).toBe('before the moment')
  expect(orders).toHaveLength(11)
  const ledger = await observeLedger(servers().url)
  const prefix = ledgerPrefix(await readLedgerHistory(historyFile), ledger, { lsn: recoveryPoint.postgres?.lsn ?? '' })
  const all = ledgerEvents(await events(), ledger)
  expect([prefix.findings, all.findings]).toEqual([[], []])
  expect(prefix.counts.kept).toBeGreaterThan(80)
  expect(prefix.counts.cutOff).toBeGreaterThan(40)
  const group = pipeline.kafka.admin()
  await group.connect()
  const [position] = await group.fetchOffsets({ groupId: 'billing', topics: ['shop.public.ledger_transfer'] })
  const [end] = await group.fetchTopicOffsets('shop.public.ledger_transfer')
  await group.disconnect()
  expect(position?.partitions[0]?.offset).toBe(end?.high)
})

test('diff --to compares with the backup at that moment, without it with its own point', async () => {
  const same = await at(config, 'diff', restored.backup, 'live', '--to', 'the moment')
  expect(same.exitCode, told(same)).toBe(0)
  const { exitCode, result } = await at(config, 'diff', restored.backup, 'live')
  expect(exitCode).toBe(20)
  expect(result?.result).toMatchObject({ differing: expect.arrayContaining(['postgres', 'kafka']) as string[] })
})

test('resumed, the connector goes on without a gap or a double', async () => {
  expect(await pipeline.connect('PUT', `/connectors/${pipeline.connector}/resume`)).toMatchObject({ status: 202 })
  await using writer = await LedgerWriter.start({ url: servers().url, historyFile, seed: 12, connections: 2, perSecond: 40 })
  await waitUntil(async () => writer.counts.ok > 40, { what: 'new transfers', timeoutMs: 60_000 })
  await writer.pause()
  const ledger = await observeLedger(servers().url)
  let last: string[] = []
  await waitUntil(
    async () => {
      last = ledgerEvents(await events(), ledger).findings.map(({ message, item }) => `${item}: ${message}`)
      return last.length === 0
    },
    {
      what: 'the events of the new transfers',
      timeoutMs: 120_000,
      everyMs: 1000,
      lastWords: async () => `${last.slice(0, 5).join('\n')}\n${await pipeline.stack.lastLog('connect', 30)}`,
    },
  )
})
