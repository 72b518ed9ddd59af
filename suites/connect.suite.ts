import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ConnectConfig, KafkaConfig } from '../src/base/config.ts'
import { silentContext } from '../src/base/context.ts'
import { parseLsn } from '../src/base/lsn.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { connectClient } from '../src/clients/connect.ts'
import { restoreConnectors } from '../src/commands/restore/connectors.ts'
import {
  backupConnect,
  type ConnectPart,
  connectComponent,
  connectorStates,
  createStopped,
  diffConnect,
  inventoryConnect,
  isDebeziumPostgres,
  keepStoppedRecords,
  offsetPartitionOf,
  readOffsets,
  resumeConnectors,
  stopConnectors,
  storedInventory,
  verifyConnect,
  writeOffset,
} from '../src/components/connect/index.ts'
import type { ArtifactReader } from '../src/repository/artifact.ts'
import { createArtifactReader } from '../src/repository/artifact-reader.ts'
import { createBackupWriter } from '../src/repository/write-backup.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { memoryStorage } from '../src/storage/memory.ts'

/** A real Connect worker with Debezium on a real PostgreSQL. */
const context = silentContext()
const name = 'shop'
let stack: EmbeddedStack
let config: ConnectConfig
let kafkaConfig: KafkaConfig
let postgresUrl: string
let wanted: Record<string, string>
let part: ConnectPart
let reader: ArtifactReader
const secrets = { env: { DATAPIPE_SECRET_SHOP_DATABASE_PASSWORD: '' } }

beforeAll(async () => {
  stack = await startEmbeddedStack({ components: ['postgres', 'kafka', 'connect'], context })
  const { connect, kafka, postgres } = stack.config('file:///unused')
  if (connect === undefined || kafka === undefined || postgres === undefined) throw new Error('the stack lacks a server')
  config = connect
  kafkaConfig = kafka
  postgresUrl = postgres.url
  // In clear on purpose: it must not get into the backup.
  secrets.env.DATAPIPE_SECRET_SHOP_DATABASE_PASSWORD = decodeURIComponent(new URL(postgres.url).password)
  await sql('CREATE TABLE item (id int PRIMARY KEY, name text)')
  await sql('CREATE PUBLICATION shop_publication FOR TABLE item')
  wanted = {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    ...stack.databaseConfig(),
    'database.password': secrets.env.DATAPIPE_SECRET_SHOP_DATABASE_PASSWORD,
    'topic.prefix': 'shop',
    'plugin.name': 'pgoutput',
    'slot.name': 'shop_slot',
    'publication.name': 'shop_publication',
    'publication.autocreate.mode': 'disabled',
    'table.include.list': 'public\\.item',
    'slot.drop.on.stop': 'false',
    'heartbeat.interval.ms': '1000',
    'poll.interval.ms': '100',
    // The broker creates no topics by itself.
    'topic.creation.default.replication.factor': '1',
    'topic.creation.default.partitions': '1',
  }
  await connectClient(config, context.signal).create(name, wanted)
  await resumeConnectors(config, [name], context)
  await sql("INSERT INTO item VALUES (1, 'one')")
  await waitUntil(async () => (await readOffsets(config, name, context))[0]?.offset?.lsn !== undefined, {
    what: 'the first offset',
    timeoutMs: 120_000,
    lastWords: () => stack.lastLog('connect', 60),
  })
})

afterAll(async () => {
  await stack?.down()
})

async function sql(text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: postgresUrl })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

const kafkajs = () => new Kafka({ brokers: kafkaConfig.bootstrapServers, logLevel: logLevel.NOTHING })

/** Every record of a topic, in order, by kafkajs. */
async function records(topic: string): Promise<{ key: string | null; value: string | null }[]> {
  const kafka = kafkajs()
  const admin = kafka.admin()
  await admin.connect()
  const ends = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, BigInt(high)]))
  await admin.disconnect()
  const wantedCount = [...ends.values()].reduce((sum, end) => sum + end, 0n)
  const consumer = kafka.consumer({ groupId: `look-${Math.random()}` })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const found: { key: string | null; value: string | null }[] = []
  const last = new Map<number, bigint>()
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      found.push({ key: message.key?.toString() ?? null, value: message.value?.toString() ?? null })
      last.set(partition, BigInt(message.offset) + 1n)
    },
  })
  await waitUntil(() => wantedCount === 0n || [...ends].every(([partition, end]) => end === 0n || (last.get(partition) ?? 0n) >= end), {
    what: `all of ${topic}`,
    timeoutMs: 60_000,
  })
  await consumer.disconnect()
  return found
}

test('check passes, and says what would not', async () => {
  expect((await connectComponent.check(config, context)).map((item) => item.verdict)).toEqual(['pass', 'pass', 'pass'])
  expect(await connectComponent.identify(config, context)).toMatchObject({ empty: false, contents: [name] })
})

test('a stopped connector has no task and an offset that stands still; the backup has it without the password', async () => {
  await stopConnectors(config, [name], context)
  expect(await connectorStates(config, context)).toEqual([expect.objectContaining({ name, state: 'STOPPED' })])
  const storage = memoryStorage()
  const writer = await createBackupWriter({ storage, context, id: '20260101T000000Z-0001' })
  part = await backupConnect({ config, writer: writer.component('connect'), context, states: new Map([[name, 'RUNNING']]) })
  reader = createArtifactReader(storage, writer.artifacts())
  const text = JSON.stringify(part) + (await Promise.all(reader.artifacts.map((artifact) => reader.readAll(artifact)))).join('')
  expect(text).not.toContain(secrets.env.DATAPIPE_SECRET_SHOP_DATABASE_PASSWORD)
  expect(part).toMatchObject({
    version: expect.stringMatching(/^4\./) as string,
    connectors: [{ name, state: 'RUNNING', type: 'source', secrets: ['database.password'] }],
  })
  expect(part.plugins.map((plugin) => plugin.class)).toContain('io.debezium.connector.postgresql.PostgresConnector')
  expect((await verifyConnect({ part, reader })).filter((finding) => finding.severity === 'harm')).toEqual([])
  const { connectors } = await storedInventory(part, reader)
  expect(connectors[0]?.offsets).toEqual(await readOffsets(config, name, context))
})

test("an offset of a running connector cannot be written, and the worker's words are passed on", async () => {
  await resumeConnectors(config, [name], context)
  await expect(writeOffset({ config, name, partition: { server: 'shop' }, offset: { lsn: 1 }, context })).rejects.toMatchObject({
    code: 'server-refused',
    message: expect.stringContaining('STOPPED state') as string,
  })
})

test('wiped: the connector is gone and its offsets with it', async () => {
  expect((await connectComponent.planWipe(config, context)).map((step) => step.text)).toEqual([
    expect.stringMatching(/^stop connector shop \(RUNNING\), delete its 1 offsets/),
  ])
  await connectComponent.wipe(config, context)
  expect(await connectComponent.identify(config, context)).toMatchObject({ empty: true })
  await createStopped({ part, reader, config, secrets, context })
  expect(await readOffsets(config, name, context)).toEqual([])
  await connectComponent.wipe(config, context)
})

test('without its secret nothing is created, and the variable is named', async () => {
  await expect(createStopped({ part, reader, config, secrets: { env: {} }, context })).rejects.toMatchObject({
    code: 'config-invalid',
    message: expect.stringContaining('DATAPIPE_SECRET_SHOP_DATABASE_PASSWORD') as string,
  })
  expect(await connectorStates(config, context)).toEqual([])
})

test('created stopped, its offset written and read back digit by digit, resumed: it goes on there, without a snapshot', async () => {
  expect(await createStopped({ part, reader, config, secrets, context })).toEqual({ created: [name], found: [] })
  const status = await connectClient(config, context.signal).status(name)
  expect(status).toMatchObject({ connector: { state: 'STOPPED' }, tasks: [] })
  const stored = (await storedInventory(part, reader)).connectors[0]
  expect(isDebeziumPostgres(stored?.config ?? {})).toBe(true)
  const partition = offsetPartitionOf(stored?.config ?? {}) ?? {}

  // Beyond 2^53, to see every digit; then the one that counts.
  await writeOffset({ config, name, partition, offset: { lsn: 9007199254740993n, txId: 1, ts_usec: 1795493810462709n }, context })
  await writeOffset({ config, name, partition, offset: null, context })
  // As after a recovery: a slot that looks back no further than now.
  await sql("SELECT pg_drop_replication_slot('shop_slot')")
  await sql("SELECT pg_create_logical_replication_slot('shop_slot', 'pgoutput')")
  const [slot] = await sql("SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = 'shop_slot'")
  const offset = { lsn: parseLsn(String(slot?.lsn)), txId: 1, ts_usec: 1n }
  await writeOffset({ config, name, partition, offset, context })
  const before = (await records('shop.public.item')).length
  await sql("INSERT INTO item VALUES (2, 'two')")
  await resumeConnectors(config, [name], context)
  await waitUntil(async () => (await records('shop.public.item')).length > before, {
    what: 'the row',
    timeoutMs: 60_000,
    everyMs: 500,
    lastWords: () => stack.lastLog('connect'),
  })
  const after = (await records('shop.public.item')).slice(before)
  expect(after.map((record) => JSON.parse(record.value ?? '').payload).map(({ op, after: row }) => [op, row.id])).toEqual([['c', 2]])
  const live = await inventoryConnect(config, context)
  expect(diffConnect(await storedInventory(part, reader), live).map((finding) => finding.code)).toEqual(['connector-offset-differs'])
})

test('a connector that runs where a stopped one was wanted is stopped and reported', async () => {
  await expect(createStopped({ part, reader, config, secrets, context })).rejects.toMatchObject({
    code: 'restore-mismatch',
    message: expect.stringContaining('found RUNNING') as string,
  })
  await stopConnectors(config, [name], context)
  expect(await createStopped({ part, reader, config, secrets, context })).toEqual({ created: [], found: [name] })
  const other = { ...secrets, env: { DATAPIPE_SECRET_SHOP_DATABASE_PASSWORD: 'another' } }
  const error = await createStopped({ part, reader, config, secrets: other, context }).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'restore-mismatch', message: 'connector shop has another configuration than the backup: database.password' })
})

test("a missing slot is Debezium's own failure, explained", async () => {
  await sql("SELECT pg_drop_replication_slot('shop_slot')")
  await sql("INSERT INTO item VALUES (3, 'three')")
  await expect(resumeConnectors(config, [name], context)).rejects.toMatchObject({
    code: 'server-refused',
    message: expect.stringContaining('no longer available on the server') as string,
    hint: expect.stringContaining('create the slot') as string,
  })
  const item = (await connectComponent.check(config, context)).find((found) => found.name === 'connector shop')
  expect(item).toMatchObject({ verdict: 'fail', next: expect.stringContaining('create the slot') as string })
  await stopConnectors(config, [name], context)
  await sql("SELECT pg_create_logical_replication_slot('shop_slot', 'pgoutput')")
})

test('topics that end before its slot: what lies between is told as lost to them, and the connector stays STOPPED', async () => {
  const [slot] = await sql('SELECT confirmed_flush_lsn::text AS lsn, pg_current_wal_flush_lsn()::text AS flush FROM pg_replication_slots')
  const [lsn, flushLsn] = [parseLsn(String(slot?.lsn)), parseLsn(String(slot?.flush))]
  const file = join(stack.directory, 'connector-secrets.json')
  await writeFile(file, JSON.stringify({ [name]: { 'database.password': secrets.env.DATAPIPE_SECRET_SHOP_DATABASE_PASSWORD } }), { mode: 0o600 })
  const restored = await restoreConnectors({
    part,
    reader,
    config,
    slots: [],
    storedSlots: [{ name: 'shop_slot', database: 'postgres' }],
    live: { flushLsn, slots: new Map([['shop_slot', lsn]]) },
    catchUp: new Map([[name, { way: 'missing', from: lsn - 1n, slot: lsn }]]),
    secretsFile: file,
    leaveStopped: false,
    context,
  })
  expect(restored).toMatchObject({
    connectors: 1,
    offsets: 1,
    findings: [{ severity: 'harm', code: 'events-missing', component: 'connect', item: name }],
  })
  expect((await connectClient(config, context.signal).status(name))?.connector.state).toBe('STOPPED')
})

test("the records that keep a connector stopped are the worker's own, and work on topics that were restored raw", async () => {
  // What the worker wrote for the stops above.
  const written = await records(config.configTopic)
  for (const record of keepStoppedRecords(name)) expect(written.filter(({ key }) => key === record.key).at(-1)).toEqual(record)

  // A backup of a *running* connector: its topics say RUNNING, with a task.
  const [slot] = await sql("SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = 'shop_slot'")
  await writeOffset({ config, name, partition: { server: 'shop' }, offset: { lsn: parseLsn(String(slot?.lsn)), txId: 1, ts_usec: 1 }, context })
  await resumeConnectors(config, [name], context)
  const topics = [config.configTopic, config.offsetTopic, config.statusTopic]
  await stack.stop('connect')
  const kept = new Map<string, { key: string | null; value: string | null }[]>()
  for (const topic of topics) kept.set(topic, await records(topic))
  expect(
    kept
      .get(config.configTopic)
      ?.filter(({ key }) => key === `target-state-${name}`)
      .at(-1)?.value,
  ).toContain('"STARTED"')

  const admin = kafkajs().admin()
  await admin.connect()
  await admin.deleteTopics({ topics, timeout: 30_000 })
  await waitUntil(async () => !(await admin.listTopics()).some((topic) => topics.includes(topic)), { what: 'the topics to go', timeoutMs: 30_000 })
  const partitions = { [config.configTopic]: 1, [config.offsetTopic]: 25, [config.statusTopic]: 5 }
  await admin.createTopics({
    waitForLeaders: false,
    topics: topics.map((topic) => ({ topic, numPartitions: partitions[topic] ?? 1, configEntries: [{ name: 'cleanup.policy', value: 'compact' }] })),
  })
  await waitUntil(
    async () => {
      const listed = await admin.fetchTopicMetadata({ topics }).catch(() => undefined)
      return listed?.topics.every((topic) => topic.partitions.every((partition) => partition.leader >= 0))
    },
    { what: 'leaders of the new topics', timeoutMs: 30_000 },
  )
  await admin.disconnect()
  const producer = kafkajs().producer({ idempotent: true })
  await producer.connect()
  for (const topic of topics) {
    const messages = [...(kept.get(topic) ?? []), ...(topic === config.configTopic ? keepStoppedRecords(name) : [])]
    await producer.send({ topic, messages })
  }
  await producer.disconnect()

  await stack.start('connect')
  expect(await createStopped({ part, reader, config, secrets, context })).toEqual({ created: [], found: [name] })
  const status = await connectClient(config, context.signal).status(name)
  expect(status).toMatchObject({ connector: { state: 'STOPPED' }, tasks: [] })
  await writeOffset({ config, name, partition: { server: 'shop' }, offset: { lsn: parseLsn(String(slot?.lsn)), txId: 2, ts_usec: 2 }, context })
  await resumeConnectors(config, [name], context)
})
