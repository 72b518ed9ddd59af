import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Finding } from '../src/base/finding.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { ledgerEvents } from '../src/drill/checkers/ledger-events.ts'
import { ledgerPrefix } from '../src/drill/checkers/ledger-prefix.ts'
import { observeEvents } from '../src/drill/observers/observe-events.ts'
import { observeLedger } from '../src/drill/observers/observe-ledger.ts'
import type { ObservedEvent } from '../src/drill/observers/observation.ts'
import { readLedgerHistory } from '../src/drill/workloads/ledger-history.ts'
import { LedgerWriter } from '../src/drill/workloads/ledger-writer.ts'
import { type RunningCli, resultOf, startDatapipe, told } from './cli.ts'
import { at, expectSuccess } from './cli-outcomes.ts'
import { readEverything } from './kafka-reading.ts'
import { type SmallPipeline, startSmallPipeline } from './small-pipeline.ts'

/**
 * A backup that stops nothing: two connectors of one busy database, transactions open across the cut, topics cut by transaction. One stack;
 * the tests go on from each other.
 */
let directory: string
let pipeline: SmallPipeline
let config: string
let historyFile: string

interface Point {
  id: string
  recoveryPoint: { kind: string; postgres: { lsn: string; xid: string }; kafka: { endOffsets: Record<string, Record<string, string>> } }
  pausedSeconds: number
  findings: Finding[]
}

const ledgerTopics = { 'ledger.public.ledger_account': 'ledger_account', 'ledger.public.ledger_transfer': 'ledger_transfer', entries: 'ledger_entry' }
const captured = [...Object.keys(ledgerTopics), 'ledger.transaction', 'shop.public.item', 'shop.public.signal']
const signals = 'ledger-signal'

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-cut-'))
  // The restored server runs under another user where we are root.
  await chmod(directory, 0o755)
  historyFile = join(directory, 'ledger.jsonl')
  pipeline = await startSmallPipeline(directory)
  config = await pipeline.configFile('datapipe')
  const fixture = await readFile(new URL('../fixtures/sql/10-shop.sql', import.meta.url), 'utf8')
  const tables = [...fixture.matchAll(/^CREATE TABLE public\.ledger_[^;]*;/gm)].map(([statement]) => statement)
  expect(tables).toHaveLength(3)
  await pipeline.sql(
    `${tables.join('\n')}
     INSERT INTO ledger_account (id, balance) SELECT i, 1000000 FROM generate_series(1, 10) i;
     CREATE PUBLICATION ledger FOR TABLE ledger_account, ledger_transfer, ledger_entry;
     CREATE TABLE signal (id text PRIMARY KEY, type text, data text);
     ALTER PUBLICATION shop_publication ADD TABLE signal`,
  )
  const admin = pipeline.kafka.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: signals, numPartitions: 1, replicationFactor: 1 }] })
  await admin.disconnect()
  await signal('before the backup')
  await configure('ledger', {
    ...(await settingsOf('shop')),
    'slot.name': 'ledger_slot',
    'publication.name': 'ledger',
    'topic.prefix': 'ledger',
    'table.include.list': 'public\\.ledger_.*',
    'provide.transaction.metadata': 'true',
    'topic.creation.default.partitions': '3',
    'signal.enabled.channels': 'kafka',
    'signal.kafka.topic': signals,
    'signal.kafka.bootstrap.servers': pipeline.stack.config('file:///unused').kafka?.bootstrapServers.join(',') ?? '',
    transforms: 'entries',
    'transforms.entries.type': 'org.apache.kafka.connect.transforms.RegexRouter',
    'transforms.entries.regex': 'ledger\\.public\\.ledger_entry',
    'transforms.entries.replacement': 'entries',
  })
  await configure('shop', {
    ...(await settingsOf('shop')),
    'table.include.list': 'public\\.(item|signal)',
    'signal.data.collection': 'public.signal',
    'incremental.snapshot.chunk.size': '10',
    'incremental.snapshot.allow.schema.changes': 'false',
  })
})

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

async function settingsOf(name: string): Promise<Record<string, string>> {
  const { body } = await pipeline.connect('GET', `/connectors/${name}/config`)
  const { name: _, ...settings } = body as Record<string, string>
  return settings
}

async function configure(name: string, settings: Record<string, string>): Promise<void> {
  const { status, body } = await pipeline.connect('PUT', `/connectors/${name}/config`, settings)
  expect([200, 201], JSON.stringify(body)).toContain(status)
  await untilStreaming(name)
}

async function untilStreaming(name: string): Promise<void> {
  let seen = ''
  await waitUntil(
    async () => {
      const { body } = await pipeline.connect('GET', `/connectors/${name}/status`)
      const { connector, tasks } = body as { connector?: { state: string }; tasks?: { state: string }[] }
      const { body: stored } = await pipeline.connect('GET', `/connectors/${name}/offsets`)
      const offset = (stored as { offsets?: { offset: Record<string, unknown> }[] }).offsets?.[0]?.offset ?? {}
      seen = `${[connector, ...(tasks ?? [])].map((part) => part?.state).join(' ')} ${Object.keys(offset).join(' ')}`
      return /^RUNNING RUNNING/.test(seen) && 'lsn' in offset && !('snapshot' in offset)
    },
    { what: `${name} to stream`, timeoutMs: 240_000, everyMs: 200, lastWords: async () => `${seen}\n${await pipeline.stack.lastLog('connect', 40)}` },
  )
}

/** A signal that does nothing but to be seen in the worker's log. */
async function signal(word: string): Promise<void> {
  const producer = pipeline.kafka.producer()
  await producer.connect()
  const value = JSON.stringify({ id: word, type: 'log', data: { message: `signal seen: ${word} at {}` } })
  await producer.send({ topic: signals, messages: [{ partition: 0, key: 'ledger', value }] })
  await producer.disconnect()
}

async function timesSeen(word: string): Promise<number> {
  const log = await readFile(join(pipeline.stack.directory, 'logs', 'connect.log'), 'utf8')
  return log.split(`signal seen: ${word} at`).length - 1
}

async function untilSeen(word: string): Promise<void> {
  await waitUntil(async () => (await timesSeen(word)) > 0, {
    what: `the signal "${word}" to be seen`,
    timeoutMs: 120_000,
    everyMs: 200,
    lastWords: () => pipeline.stack.lastLog('connect', 40),
  })
}

const url = () => pipeline.stack.config('file:///unused').postgres?.url ?? ''

/** Goes on until told to stop: transactions that commit in another order than they began, some of them large, some in subtransactions. */
async function interleave(isOver: () => boolean, first: number): Promise<void> {
  const [outer, inner] = [new pg.Client({ connectionString: url() }), new pg.Client({ connectionString: url() })]
  await Promise.all([outer.connect(), inner.connect()])
  let id = first
  const next = (rows: number) => {
    id += rows
    return [id - rows, id - 1]
  }
  const insert = (client: pg.Client, rows = 1) =>
    client.query("INSERT INTO item SELECT i, 'interleaved ' || i FROM generate_series($1::int, $2::int) i", next(rows))
  try {
    while (!isOver()) {
      await outer.query('BEGIN')
      await insert(outer)
      for (let round = 0; round < 5; round++) {
        await inner.query('BEGIN')
        await insert(inner, round === 0 ? 300 : 1)
        await inner.query('SAVEPOINT one')
        await insert(inner)
        await inner.query(round % 2 === 0 ? 'ROLLBACK TO one' : 'RELEASE one')
        await insert(inner)
        await inner.query('COMMIT')
        await outer.query(`SAVEPOINT round${round}`)
        await insert(outer)
      }
      await outer.query('DELETE FROM item WHERE id = $1', [first + 1])
      await outer.query('COMMIT')
    }
  } finally {
    await Promise.all([outer.end(), inner.end()])
  }
}

/** A backup while everybody writes, with transactions open from before it that commit while it takes its point and behind it. */
async function backupUnderLoad(...options: string[]): Promise<Point> {
  await using writer = await LedgerWriter.start({ url: url(), historyFile, seed: 7, connections: 3, perSecond: 60 })
  let over = false
  const first = 10_000 + 1_000_000 * loads++
  const writers = [interleave(() => over, first), interleave(() => over, first + 500_000)]
  const long = await openTransaction(first + 300_000)
  const endless = await openTransaction(first + 300_100)
  let running: RunningCli | undefined
  try {
    running = startDatapipe(['--json', '--config', config, 'backup', '--no-barrier', ...options])
    await running.event((event) => event.type === 'phase' && event.name === 'recovery point' && event.status === 'start')
    await long.end()
    const run = await running.ended
    expect(run.exitCode, told(run)).toBe(0)
    return resultOf<Point>(run)
  } finally {
    over = true
    running?.[Symbol.dispose]()
    await Promise.all(writers)
    await endless.end()
    await writer.pause()
  }
}
let loads = 0

async function openTransaction(id: number): Promise<{ end(): Promise<void> }> {
  const client = new pg.Client({ connectionString: url() })
  await client.connect()
  await client.query('BEGIN')
  await client.query("INSERT INTO item VALUES ($1, 'open for long')", [id])
  return {
    async end() {
      await client.query("INSERT INTO item VALUES ($1, 'open for long')", [id + 1])
      await client.query('COMMIT')
      await client.end()
    },
  }
}

const servers = () => {
  const { kafka, registry } = pipeline.stack.config('file:///unused')
  if (!kafka || !registry) throw new Error('the stack lacks a server')
  return { kafka, registry }
}
const events = (topics: Record<string, string>) =>
  observeEvents(servers().kafka, servers().registry, { topics, signal: AbortSignal.timeout(120_000) })

let point: Point

test('rows of an incremental snapshot carry no position, which the cut reckons with', async () => {
  await pipeline.sql("INSERT INTO item SELECT i, 'for a snapshot' FROM generate_series(100, 140) i")
  const data = JSON.stringify({ 'data-collections': ['public.item'], type: 'incremental' })
  await pipeline.sql(`INSERT INTO signal VALUES ('again', 'execute-snapshot', '${data}')`)
  let seen: ObservedEvent[] = []
  await waitUntil(
    async () => {
      seen = (await events({ 'shop.public.item': 'item' })).filter(({ snapshot }) => snapshot === 'incremental')
      return seen.length >= 61
    },
    { what: 'the rows of the incremental snapshot', timeoutMs: 120_000, everyMs: 500, lastWords: () => pipeline.stack.lastLog('connect', 40) },
  )
  expect(new Set(seen.map(({ op, txId, lsn }) => `${op} ${txId} ${lsn}`))).toEqual(new Set(['r null null']))
})

test('a backup of two busy connectors stops neither, and its topics are stored beyond the point', async () => {
  await untilSeen('before the backup')
  point = await backupUnderLoad()
  expect(point).toMatchObject({ pausedSeconds: 0, findings: [], recoveryPoint: { kind: 'transaction' } })
  const manifest = JSON.parse(await readFile(join(directory, 'repository', 'backups', point.id, 'manifest.json'), 'utf8')) as {
    components: { kafka: { topics: { name: string; partitions: { partition: number; endOffset: string }[] }[] } }
  }
  const beyond = manifest.components.kafka.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partition, endOffset }) => ({
      name,
      removed: Number(endOffset) - Number(point.recoveryPoint.kafka.endOffsets[name]?.[partition]),
    })),
  )
  const removed = beyond.filter((item) => item.removed !== 0)
  console.info('behind the point', JSON.stringify(removed), 'before it', JSON.stringify(point.recoveryPoint.kafka.endOffsets))
  expect(removed.every((item) => item.removed > 0 && captured.includes(item.name))).toBe(true)
  expect(removed.length).toBeGreaterThan(0)
  await expectSuccess(at(config, 'verify', point.id))
})

test('followed without a barrier, each point is cut so, and reads of the topics only what came since the one before', async () => {
  await using writer = await LedgerWriter.start({ url: url(), historyFile, seed: 9, connections: 2, perSecond: 40 })
  using running = startDatapipe(['--json', '--config', config, 'backup', '--follow', '--no-barrier', '--every', '1', '--label', 'followed'])
  await running.event((event) => event.type === 'log' && event.message.startsWith('recovery point committed'))
  running.kill('SIGTERM')
  const run = await running.ended
  await writer.pause()
  expect(run.exitCode, told(run)).toBe(0)
  expect(resultOf<{ points: number; last: Point }>(run)).toMatchObject({ points: 2, last: { findings: [], recoveryPoint: { kind: 'transaction' } } })
  await expectSuccess(at(config, 'verify', '--all'))
})

test('restored, the topics hold the events of the transactions that the database holds, and no other', async () => {
  const source = await readEverything(pipeline.kafka, captured)
  await wipe()
  const restored = await expectSuccess(at(config, 'restore', point.id, '--in-place', '--leave-connectors-stopped'))
  expect(resultOf<{ recoveryPoint: unknown }>(restored).recoveryPoint).toEqual(point.recoveryPoint)

  const back = await readEverything(pipeline.kafka, captured)
  for (const [partition, records] of Object.entries(back)) expect(records, partition).toEqual(source[partition]?.slice(0, records.length))
  expect(Object.values(back).flat().length).toBeLessThan(Object.values(source).flat().length)

  // Rows that nobody touched again: each has the one event that its insert brought.
  const ofItems = await events({ 'shop.public.item': 'item' })
  const deleted = new Set(ofItems.filter(({ op }) => op === 'd').map(({ key }) => key.id))
  const inserted = ofItems.filter(({ op, key }) => op === 'c' && Number(key.id) >= 10_000 && !deleted.has(key.id)).map(({ key }) => key.id)
  const rows = (await pipeline.sql('SELECT id::text FROM item WHERE id >= 10000')).map(({ id }) => String(id))
  expect(rows.length).toBeGreaterThan(500)
  expect(inserted.sort()).toEqual(rows.sort())

  const ledger = await observeLedger(url())
  const prefix = ledgerPrefix(await readLedgerHistory(historyFile), ledger, { lsn: point.recoveryPoint.postgres.lsn })
  const all = ledgerEvents(await events(ledgerTopics), ledger)
  expect([prefix.findings, all.findings]).toEqual([[], []])
  expect(Math.min(prefix.counts.kept ?? 0, all.counts.transfers ?? 0)).toBeGreaterThan(20)
  const { findings } = resultOf<{ findings: Finding[] }>(await at(config, 'diff', point.id, 'live'))
  expect(findings.filter(({ component, item }) => component === 'kafka' && captured.some((topic) => item.startsWith(`${topic}/`)))).toEqual([])
})

test('resumed, the connectors go on without a gap or a double, and run no old signal again', async () => {
  const before = await timesSeen('before the backup')
  // One after the other: a worker that balances its connectors anew stops tasks, which may then send their last events again.
  for (const name of ['shop', 'ledger']) {
    expect(await pipeline.connect('PUT', `/connectors/${name}/resume`)).toMatchObject({ status: 202 })
    await untilStreaming(name)
  }
  await signal('after the restore')
  await using writer = await LedgerWriter.start({ url: url(), historyFile, seed: 8, connections: 2, perSecond: 40 })
  await waitUntil(async () => writer.counts.ok > 40, { what: 'new transfers', timeoutMs: 60_000 })
  await writer.pause()
  const ledger = await observeLedger(url())
  let last: string[] = []
  await waitUntil(
    async () => {
      last = ledgerEvents(await events(ledgerTopics), ledger).findings.map(({ message, item }) => `${item}: ${message}`)
      return last.length === 0
    },
    {
      what: 'the events of the new transfers',
      timeoutMs: 120_000,
      everyMs: 1000,
      lastWords: async () => `${last.slice(0, 5).join('\n')}\n${await pipeline.stack.lastLog('connect', 30)}`,
    },
  )
  await untilSeen('after the restore')
  expect(await timesSeen('before the backup')).toBe(before)
})

async function wipe(): Promise<void> {
  const refused = await at(config, 'wipe')
  await expectSuccess(at(config, 'wipe', '--yes', refused.error?.path ?? ''))
  await pipeline.stack.destroy('postgres')
}
