import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigResourceTypes } from 'kafkajs'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Finding } from '../src/base/finding.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import type { CheckItem } from '../src/components/component.ts'
import { type CliRun, resultOf, startDatapipe, told } from './cli.ts'
import { at, expectRefusal, expectSuccess } from './cli-outcomes.ts'
import { startTestServer, type TestServer, testPassword } from './postgres-server.ts'
import { type SmallPipeline, startSmallPipeline } from './small-pipeline.ts'

/**
 * Several Debezium connectors on one Connect cluster: `shop` and `stock` capture tables of the server that is backed up, `bills` and `audit`
 * those of another PostgreSQL, one under the same slot name. One stack; the tests go on from each other.
 */
let directory: string
let pipeline: SmallPipeline
let other: TestServer
let config: string
let id: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-several-connectors-'))
  // Restored servers run under another user where we are root.
  await chmod(directory, 0o755)
  ;[pipeline, other] = await Promise.all([startSmallPipeline(directory), startTestServer()])
  config = await pipeline.configFile('datapipe')
  await pipeline.sql('CREATE TABLE stock (id int PRIMARY KEY, pieces int); INSERT INTO stock VALUES (1, 1); CREATE PUBLICATION stock FOR TABLE stock')
  await elsewhere('CREATE TABLE bill (id int PRIMARY KEY); CREATE PUBLICATION bill FOR TABLE bill; INSERT INTO bill VALUES (1)')
  await create('stock', { table: 'stock', slot: 'stock_slot', database: pipeline.stack.databaseConfig() })
  const database = {
    ...pipeline.stack.databaseConfig(),
    'database.port': `${other.port}`,
    'database.user': 'admin',
    'database.password': await pipeline.stack.connectorSecret('other.password', testPassword),
  }
  await create('bills', { table: 'bill', slot: pipeline.slot, database })
  await create('audit', { table: 'bill', slot: 'audit_slot', database })
  expect(await pipeline.connect('PUT', '/connectors/audit/stop')).toMatchObject({ status: 204 })
  await untilState('audit', 'STOPPED')
})

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]()
  await other?.[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

const on = (...args: string[]) => at(config, ...args)

async function elsewhere(text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: other.url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

async function create(name: string, of: { table: string; slot: string; database: Record<string, string> }): Promise<void> {
  const settings = {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'plugin.name': 'pgoutput',
    'slot.name': of.slot,
    'publication.name': of.table,
    'publication.autocreate.mode': 'disabled',
    'topic.prefix': name,
    'table.include.list': `public\\.${of.table}`,
    'heartbeat.interval.ms': '1000',
    'poll.interval.ms': '100',
    'topic.creation.default.replication.factor': '1',
    'topic.creation.default.partitions': '1',
    ...of.database,
    ...pipeline.stack.converterConfig(),
  }
  expect(await pipeline.connect('PUT', `/connectors/${name}/config`, settings)).toMatchObject({ status: 201 })
  await waitUntil(async () => (await offsetOf(name)).lsn !== undefined && (await offsetOf(name)).snapshot === undefined, {
    what: `a streamed offset of ${name}`,
    timeoutMs: 120_000,
    lastWords: () => pipeline.stack.lastLog('connect', 40),
  })
}

async function offsetOf(name: string): Promise<Record<string, unknown>> {
  const { body } = await pipeline.connect('GET', `/connectors/${name}/offsets`)
  return (body as { offsets?: { offset: Record<string, unknown> }[] }).offsets?.[0]?.offset ?? {}
}

async function untilState(name: string, state: string): Promise<void> {
  let seen = ''
  await waitUntil(
    async () => {
      const { body } = await pipeline.connect('GET', `/connectors/${name}/status`)
      const { connector, tasks } = body as { connector?: { state: string }; tasks?: { state: string }[] }
      seen = [connector, ...(tasks ?? [])].map((part) => part?.state).join(' ')
      return seen === state
    },
    { what: `${name} to be ${state}`, timeoutMs: 120_000, everyMs: 50, lastWords: () => seen },
  )
}

interface Stored {
  name: string
  offsets: { offset: Record<string, unknown> }[]
}

async function storedOffset(name: string): Promise<Record<string, unknown>> {
  const text = await readFile(join(directory, 'repository', 'backups', id, 'connect', 'connectors.json'), 'utf8')
  return (JSON.parse(text) as { connectors: Stored[] }).connectors.find((connector) => connector.name === name)?.offsets[0]?.offset ?? {}
}

const itemsOf = (run: CliRun) => resultOf<{ items: CheckItem[] }>(run).items

test('one of two connectors of a database captures a busy table: both still have a cut in common', async () => {
  const running = startDatapipe(['--json', '--config', config, 'backup'])
  let written = 0
  let over = false
  void running.ended.finally(() => {
    over = true
  })
  const client = new pg.Client({ connectionString: pipeline.stack.config('file:///unused').postgres?.url })
  await client.connect()
  try {
    while (!over) {
      await client.query("INSERT INTO item VALUES ($1, 'busy')", [1000 + written])
      written++
    }
  } finally {
    await client.end()
  }
  const run = await running.ended
  expect(run.exitCode, told(run)).toBe(0)
  id = resultOf<{ id: string }>(run).id
  expect(written).toBeGreaterThan(100)
  expect(resultOf<{ recoveryPoint: { kind: string } }>(run).recoveryPoint.kind).toBe('barrier')

  const manifest = JSON.parse(await readFile(join(directory, 'repository', 'backups', id, 'manifest.json'), 'utf8')) as {
    components: { connect: { connectors: { name: string; reads: string }[] } }
  }
  const reads = Object.fromEntries(manifest.components.connect.connectors.map(({ name, reads }) => [name, reads]))
  expect(reads).toEqual({ shop: 'this-postgres', stock: 'this-postgres', bills: 'another', audit: 'another' })
  const { findings } = resultOf<{ findings: Finding[] }>(run)
  expect(findings.filter(({ code }) => code === 'connector-of-another-server').map(({ item, severity }) => `${severity} ${item}`)).toEqual([
    'warning audit',
    'warning bills',
  ])
})

test('check takes connectors of another server for what they are, and says how to name them', async () => {
  const ofConnectors = itemsOf(await on('check')).filter(({ component, name }) => component === 'connect' && / of /.test(name))
  expect(ofConnectors.map(({ name, verdict }) => `${verdict} ${name}`).sort()).toEqual([
    'pass offset of shop is not ahead of the database',
    'pass offset of stock is not ahead of the database',
    'pass slot of shop is there',
    'pass slot of stock is there',
    'warning server of audit is known',
    'warning server of bills is known',
  ])
  const named = await pipeline.configFile('named', ({ connect }) => {
    connect.otherServers = ['audit', 'bills', 'bils']
  })
  const items = itemsOf(await at(named, 'check')).filter(({ name }) => name.startsWith('server of'))
  expect(items.map(({ name, verdict }) => `${verdict} ${name}`).sort()).toEqual([
    'pass server of audit is known',
    'pass server of bills is known',
    'warning server of bils is known',
  ])
})

test('with their database, connectors come back at its slots; those of another one at the offsets that they had, and go on there', async () => {
  await elsewhere('INSERT INTO bill VALUES (2)')
  const confirmed = () => elsewhere("SELECT count(*)::int AS slots FROM pg_replication_slots WHERE slot_name IN ('shop_slot', 'audit_slot')")
  const word = resultOf<{ identity: string }>(await expectSuccess(on('wipe', '--only', 'connect', '--dry-run'))).identity
  await expectSuccess(on('wipe', '--only', 'connect', '--yes', word))
  await pipeline.stack.destroy('postgres')
  const restored = await expectSuccess(on('restore', id, '--only', 'postgres', 'connect', '--phantoms', 'compensate', '--leave-connectors-stopped'))
  expect(
    resultOf<{ slots: { connector: string }[] }>(restored)
      .slots.map(({ connector }) => connector)
      .sort(),
  ).toEqual(['shop', 'stock'])
  for (const name of ['bills', 'audit']) expect(await offsetOf(name)).toEqual(await storedOffset(name))
  for (const name of ['shop', 'stock']) expect((await offsetOf(name)).lsn_proc).toBeUndefined()
  // The other server was not touched.
  expect(await confirmed()).toEqual([{ slots: 2 }])
  for (const name of ['shop', 'stock', 'audit']) {
    expect(await pipeline.connect('PUT', `/connectors/${name}/resume`)).toMatchObject({ status: 202 })
    await untilState(name, 'RUNNING RUNNING')
  }
  // It was STOPPED all the time, so its slot is where its offset is: nothing is missing, nothing comes twice.
  const [before] = await elsewhere('SELECT pg_current_wal_flush_lsn()::text AS lsn')
  await elsewhere('INSERT INTO bill VALUES (3)')
  const moved = () => elsewhere(`SELECT 1 FROM pg_replication_slots WHERE slot_name = 'audit_slot' AND confirmed_flush_lsn > '${before?.lsn}'`)
  await waitUntil(async () => (await moved()).length === 1, {
    what: 'the connector of the other server to capture a new row',
    timeoutMs: 120_000,
    lastWords: () => pipeline.stack.lastLog('connect', 40),
  })
  expect(await endOf('audit.public.bill')).toBe(3)
})

async function endOf(topic: string): Promise<number> {
  const admin = pipeline.kafka.admin()
  await admin.connect()
  try {
    return (await admin.fetchTopicOffsets(topic)).reduce((sum, { high }) => sum + Number(high), 0)
  } finally {
    await admin.disconnect()
  }
}

test('connectors alone come back, too: those of the live database at its slots, the others as they were', async () => {
  const word = resultOf<{ identity: string }>(await expectSuccess(on('wipe', '--only', 'connect', '--dry-run'))).identity
  await expectSuccess(on('wipe', '--only', 'connect', '--yes', word))
  const run = await on('restore', id, '--only', 'connect')
  for (const name of ['shop', 'stock']) await untilState(name, 'RUNNING RUNNING')
  await untilState('audit', 'STOPPED')
  expect(await offsetOf('audit')).toEqual(await storedOffset('audit'))
  // It ran on after the backup. Where its slot has left the offset behind, Debezium refuses to start, and the restore says so.
  const ofBills = resultOf<{ findings: Finding[] }>(run).findings.filter(({ item }) => item === 'bills')
  expect(run.exitCode, told(run)).toBe(ofBills.length === 0 ? 0 : 22)
  for (const { code, next } of ofBills)
    expect({ code, next }).toEqual({ code: 'connector-not-resumed', next: expect.stringMatching(/slot/) as string })
})

/** The password of the other server, as the stack's own secrets file gives it to the workers, or in clear. */
let byReference: Record<string, string>
let kept: string

test('a password in clear ends a backup before anything is stored, unless datapipe.yaml accepts it', async () => {
  const { body } = await pipeline.connect('GET', '/connectors/audit/config')
  byReference = body as Record<string, string>
  await configure('audit', { ...byReference, 'database.password': testPassword })
  const before = await stored()
  const refused = await on('backup')
  expectRefusal(
    refused,
    67,
    'secret-in-clear',
    /connect-configs holds in clear: database\.password of connector audit \(connector-audit at 0\/\d+\)$/,
  )
  expect(refused.error?.hint).toContain('secretsInClear: keep')
  expect(await stored()).toEqual(before)

  kept = await pipeline.configFile('kept', ({ connect, postgres }) => {
    connect.secretsInClear = 'keep'
    // The restored server does not archive.
    postgres.archive = { mode: 'receive' }
  })
  const accepted = await expectSuccess(at(kept, 'backup'))
  id = resultOf<{ id: string }>(accepted).id
  expect(resultOf<{ findings: Finding[] }>(accepted).findings).toContainEqual(
    expect.objectContaining({ severity: 'warning', code: 'secret-in-raw-topic', item: 'connect-configs/audit' }),
  )
  expect(told(refused) + told(accepted)).not.toContain(testPassword)
})

test('its password is given to a restore in a file; without it the restore is refused before anything is made', async () => {
  const word = resultOf<{ identity: string }>(await expectSuccess(on('wipe', '--only', 'connect', '--dry-run'))).identity
  await expectSuccess(on('wipe', '--only', 'connect', '--yes', word))
  expectRefusal(
    await at(kept, 'restore', id, '--only', 'connect'),
    64,
    'config-invalid',
    /audit\/database\.password \(DATAPIPE_SECRET_AUDIT_DATABASE_PASSWORD\)/,
  )
  const file = join(directory, 'secrets.json')
  await writeFile(file, JSON.stringify({ audit: { 'database.password': testPassword } }), { mode: 0o600 })
  const run = await at(kept, 'restore', id, '--only', 'connect', '--secrets-file', file)
  expect([0, 22], told(run)).toContain(run.exitCode)
  expect((await pipeline.connect('GET', '/connectors/audit/config')).body).toMatchObject({ 'database.password': testPassword })
  expect(told(run)).not.toContain(testPassword)
})

test('a password that was replaced is still in the topic: refused with its records, until the topic is compacted', async () => {
  await configure('audit', byReference)
  const message = /database\.password of connector audit, replaced since \(connector-audit at 0\/\d+/
  const refused = await on('backup')
  expectRefusal(refused, 67, 'secret-in-clear', message)
  expect(refused.error?.hint).toMatch(/^compact the topic/)
  const item = async () => itemsOf(await on('check')).find(({ name }) => name === 'no secret stands in clear in connect-configs')
  expect(await item()).toMatchObject({ verdict: 'fail', detail: expect.stringMatching(message) as string })

  // As docs/datapipe-yaml.md says it.
  await alterTopic('connect-configs', { 'cleanup.policy': 'compact', 'segment.ms': '100', 'min.cleanable.dirty.ratio': '0' })
  for (const act of ['pause', 'resume']) expect(await pipeline.connect('PUT', `/connectors/audit/${act}`)).toMatchObject({ status: 202 })
  let seen: CheckItem | undefined
  await waitUntil(
    async () => {
      seen = await item()
      return seen?.verdict === 'pass'
    },
    { what: 'the topic to be compacted', timeoutMs: 180_000, everyMs: 1000, lastWords: () => JSON.stringify(seen) },
  )
  await alterTopic('connect-configs', { 'cleanup.policy': 'compact' })
})

test('a connector whose task has failed ends a backup at once, with what the task says; check says it, too', async () => {
  const settings = {
    ...byReference,
    ...pipeline.stack.databaseConfig(),
    'slot.name': 'broken_slot',
    'publication.name': 'nothing',
    'topic.prefix': 'broken',
    name: 'broken',
  }
  expect(await pipeline.connect('PUT', '/connectors/broken/config', settings)).toMatchObject({ status: 201 })
  await untilState('broken', 'RUNNING FAILED')
  const slots = () => pipeline.sql("SELECT 1 FROM pg_replication_slots WHERE slot_name = 'broken_slot'")
  if ((await slots()).length === 0) await pipeline.sql("SELECT pg_create_logical_replication_slot('broken_slot', 'pgoutput')")
  const before = await stored()
  const refused = await at(kept, 'backup')
  expectRefusal(refused, 33, 'server-refused', /^connector broken failed: .*ublication/)
  expect(refused.error).toMatchObject({
    path: 'connect/broken',
    hint: expect.stringContaining('/connectors/broken/restart?includeTasks=true') as string,
  })
  expect(await stored()).toEqual(before)
  const item = itemsOf(await at(kept, 'check')).find(({ name }) => name === 'connector broken')
  expect(item).toMatchObject({ verdict: 'fail', detail: expect.stringMatching(/^RUNNING, tasks FAILED: .*ublication/) as string })
})

async function configure(name: string, settings: Record<string, string>): Promise<void> {
  expect(await pipeline.connect('PUT', `/connectors/${name}/config`, settings)).toMatchObject({ status: 200 })
}

/** Files of components; none before the first backup. */
async function stored(): Promise<string[]> {
  if (!existsSync(join(directory, 'repository'))) return []
  return (await readdir(join(directory, 'repository'), { recursive: true }))
    .filter((path) => /\/(postgres|kafka|registry|connect)\//.test(path))
    .sort()
}

async function alterTopic(name: string, settings: Record<string, string>): Promise<void> {
  const admin = pipeline.kafka.admin()
  await admin.connect()
  try {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name, configEntries }] })
  } finally {
    await admin.disconnect()
  }
}
