import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { configSchema, type KafkaConfig, type RegistryConfig } from '../src/base/config.ts'
import { silentContext } from '../src/base/context.ts'
import type { DatapipeEvent } from '../src/base/events.ts'
import { openRegistry } from '../src/clients/registry.ts'
import { assembleKafkaPart, backupTopics, freezeTopics, type KafkaPart, restoreTopics, selectTopics } from '../src/components/kafka/index.ts'
import {
  backupRegistry,
  diffRegistry,
  inventoryRegistry,
  planRestoreRegistry,
  probeRegistry,
  type RegistryPart,
  registryComponent,
  restoreRegistry,
  verifyRegistry,
  verifyRestoredIds,
} from '../src/components/registry/index.ts'
import { restImport } from '../src/components/registry/rest-import.ts'
import { capturedTopic, standInCaptured } from '../src/components/registry/stand-in-captured.ts'
import { backup, verify } from '../src/index.ts'
import { createArtifactReader } from '../src/repository/artifact-reader.ts'
import type { ArtifactReader } from '../src/repository/artifact.ts'
import { createBackupWriter } from '../src/repository/write-backup.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { memoryStorage } from '../src/storage/memory.ts'

/** A real Apicurio with its data in a real Kafka: what goes in by plain HTTP is what has to come back, whatever the way. */
const events: DatapipeEvent[] = []
const context = silentContext({ emit: (event) => void events.push(event) })
let stack: EmbeddedStack
let config: RegistryConfig
let kafkaConfig: KafkaConfig
let part: RegistryPart
let kafkaPart: KafkaPart
let reader: ArtifactReader

beforeAll(async () => {
  stack = await startEmbeddedStack({ components: ['registry'], context })
  const { registry, kafka } = stack.config('file:///unused')
  if (registry === undefined || kafka === undefined) throw new Error('the stack has no registry')
  config = registry
  kafkaConfig = { ...kafka, topics: { include: ['kafkasql-*'], exclude: [] } }
  await fill()
  const storage = memoryStorage()
  const writer = await createBackupWriter({ storage, context, id: '20260101T000000Z-0001' })
  const topics = await selectTopics(kafkaConfig, context)
  const frozen = await freezeTopics(kafkaConfig, topics, context)
  part = await backupRegistry({ config, writer: writer.component('registry'), context })
  const stored = await backupTopics({ config: kafkaConfig, topics, frozen, writer: writer.component('kafka'), context })
  kafkaPart = assembleKafkaPart(stored, [], () => 'internal')
  reader = createArtifactReader(storage, writer.artifacts())
})

afterAll(async () => {
  await stack?.down()
})

/** A request to the compatible API, by plain fetch; the id it answers, when it does. */
async function ask(method: string, path: string, body?: unknown): Promise<number> {
  const response = await fetch(`${config.url}/apis/ccompat/v7${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(`${config.username}:${config.password}`).toString('base64')}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  const text = await response.text()
  return text === '' ? 0 : ((JSON.parse(text) as { id?: number }).id ?? 0)
}

async function listed(path: string): Promise<number> {
  const authorization = `Basic ${Buffer.from(`${config.username}:${config.password}`).toString('base64')}`
  const response = await fetch(`${config.url}/apis/ccompat/v7${path}`, { headers: { authorization } })
  return ((await response.json()) as unknown[]).length
}

const record = (name: string, ...fields: unknown[]) => JSON.stringify({ type: 'record', name, namespace: 'shop', fields })
const field = (name: string, type: unknown, value?: unknown) => ({ name, type, ...(value === undefined ? {} : { default: value }) })

async function fill(): Promise<void> {
  const register = (subject: string, schema: string, more: object = {}) =>
    ask('POST', `/subjects/${encodeURIComponent(subject)}/versions`, { schema, ...more })
  await register('address-value', record('Address', field('street', 'string')))
  await register('customer-value', record('Customer', field('id', 'long'), field('address', 'shop.Address')), {
    references: [{ name: 'shop.Address', subject: 'address-value', version: 1 }],
  })
  for (let version = 1; version <= 4; version++) {
    const fields = Array.from({ length: version }, (_, index) => field(`f${index}`, ['null', 'string'], null))
    await register('order-value', record('Order', field('id', 'long'), ...fields))
  }
  await register('order-key', '"long"')
  await register('same-as-address-value', record('Address', field('street', 'string')))
  await register('gone-value', record('Gone', field('x', 'int')))
  await register('we/ird :% süb', record('Weird', field('x', 'int')))
  await register('person-value', '{"type":"object","properties":{"name":{"type":"string"}}}', { schemaType: 'JSON' })
  await register('message-value', 'syntax = "proto3";\nmessage X {\n  int32 a = 1;\n}\n', { schemaType: 'PROTOBUF' })
  await ask('PUT', '/config/order-value', { compatibility: 'FULL' })
  await ask('PUT', '/config', { compatibility: 'BACKWARD' })
  await ask('DELETE', '/subjects/order-value/versions/2')
  await ask('DELETE', '/subjects/gone-value')
}

/** Every id that the backup has, as another client gives it. */
async function clientsView(): Promise<Record<number, unknown>> {
  const client = new SchemaRegistry({
    host: `${config.url}/apis/ccompat/v7`,
    auth: { username: config.username ?? '', password: config.password ?? '' },
  })
  const view: Record<number, unknown> = {}
  for (const { id, type } of part.ids) if (type === 'AVRO') view[id] = JSON.stringify(await client.getSchema(id))
  return view
}

/** An empty registry: its topics are really deleted while it is down. */
async function emptyRegistry(start: boolean): Promise<void> {
  await stack.stop('registry')
  const admin = new Kafka({ brokers: kafkaConfig.bootstrapServers, logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith('kafkasql-') || topic === 'registry-events')
  await admin.deleteTopics({ topics, timeout: 30_000 })
  await admin.disconnect()
  if (start) await stack.start('registry')
}

describe('as it is', () => {
  test('the probe knows what answers, from the root and from the compatible API', async () => {
    for (const url of [config.url, `${config.url}/apis/ccompat/v7`, `${config.url}/`]) {
      expect(await probeRegistry({ ...config, url }, context)).toMatchObject({
        kind: 'apicurio',
        version: expect.stringMatching(/^3\./) as string,
        identity: `${config.url}/apis/ccompat/v7`,
        empty: false,
        capabilities: { keepsIds: ['native', 'raw-topic'], wireId: 'contentId' },
      })
    }
  })

  test('a wrong password is unauthorized, none too, and neither is shown', async () => {
    const wrong = { ...config, password: 'wr0ng-secret' }
    const error = await probeRegistry(wrong, context).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'unauthorized', message: expect.not.stringContaining('wr0ng-secret') as string })
    await expect(probeRegistry({ url: config.url }, context)).rejects.toMatchObject({ code: 'unauthorized' })
    expect((await registryComponent.check(wrong, context)).map((item) => item.verdict)).toEqual(['fail', 'not run'])
    expect((await registryComponent.check(config, context)).map((item) => item.verdict)).toEqual(['pass', 'pass', 'pass'])
  })

  test("the backup holds subjects, versions, soft deletes, references, settings, and Apicurio's own export", async () => {
    expect(part).toMatchObject({
      kind: 'apicurio',
      routes: ['native', 'rest-import', 'raw-topic'],
      topic: { name: 'kafkasql-journal', mustBeEmpty: ['kafkasql-snapshots'] },
      counts: { subjects: 9, versions: 12, deletedVersions: 2 },
    })
    const snapshot = await inventoryRegistry({ part, reader })
    expect(snapshot.config).toEqual({ global: { compatibilityLevel: 'BACKWARD' }, subjects: { 'order-value': { compatibilityLevel: 'FULL' } } })
    expect(snapshot.versions.find((version) => version.subject === 'customer-value')?.references).toEqual([
      { name: 'shop.Address', subject: 'address-value', version: '1' },
    ])
    expect(snapshot.versions.filter((version) => version.deleted).map((version) => `${version.subject}/${version.version}`)).toEqual([
      'gone-value/1',
      'order-value/2',
    ])
    expect(await verifyRegistry({ part, reader, usedIds: part.ids.map(({ id }) => ({ id, topic: 't', partition: 0, offset: 0n })) })).toEqual([])
    expect(diffRegistry(snapshot, await inventoryRegistry({ config, context }))).toEqual([])
    expect(await verifyRestoredIds({ part, config, ids: [], context })).toEqual([])
  })

  test('mode IMPORT over the compatible API is never taken for a way back: it is refused, and found out when forced', async () => {
    await expect(planRestoreRegistry({ part, reader, config, route: 'rest-import', rawTopicInBackup: true, context })).rejects.toMatchObject({
      code: 'ids-would-change',
      message: expect.stringContaining('gives ids of its own') as string,
    })
  })

  test('a registry that holds exactly the backup is left as it is; with anything else in it, plan and act refuse alike', async () => {
    const plan = await planRestoreRegistry({ part, reader, config, rawTopicInBackup: true, context })
    expect(plan).toMatchObject({ route: 'present', registryDown: false })
    expect((await restoreRegistry({ part, reader, config, route: plan.route, context })).findings.map(({ code }) => code)).toEqual(['next-schema-id'])
    await ask('POST', '/subjects/stranger/versions', { schema: record('Stranger', field('n', 'int')) })
    await expect(planRestoreRegistry({ part, reader, config, rawTopicInBackup: true, context })).rejects.toMatchObject({ code: 'target-not-empty' })
    await expect(restoreRegistry({ part, reader, config, route: 'native', context })).rejects.toMatchObject({ code: 'target-not-empty' })
    await ask('DELETE', '/subjects/stranger')
    await ask('DELETE', '/subjects/stranger?permanent=true')
    expect(diffRegistry(await inventoryRegistry({ part, reader }), await inventoryRegistry({ config, context }))).toEqual([])
  })

  test('a server that gives clients the other id of its two is refused before anything is written', async () => {
    const mode = '/../../registry/v3/admin/config/properties/apicurio.ccompat.legacy-id-mode.enabled'
    await ask('PUT', mode, { value: 'true' })
    try {
      const refusal = { code: 'ids-would-change', hint: expect.stringContaining('legacy-id-mode') as string }
      await expect(planRestoreRegistry({ part, reader, config, rawTopicInBackup: true, context })).rejects.toMatchObject(refusal)
    } finally {
      await ask('PUT', mode, { value: 'false' })
    }
  })
})

test("a Confluent registry's topic is compared with what the registry says: one that is another registry's is found", async () => {
  const kafka = new Kafka({ brokers: kafkaConfig.bootstrapServers, logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic: '_schemas', numPartitions: 1, replicationFactor: 1, configEntries: [{ name: 'cleanup.policy', value: 'compact' }] }],
  })
  await using registry = await standInCaptured('7.6')
  const producer = kafka.producer()
  await producer.connect()
  const records = await capturedTopic('7.6')
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-registry-'))
  const both = configSchema.parse({
    repository: { url: pathToFileURL(directory).href },
    kafka: { ...kafkaConfig, topics: { include: ['_schemas'], exclude: [] } },
    registry: { url: registry.url },
  })
  try {
    await producer.send({ topic: '_schemas', messages: records })
    expect(await backup({ config: both }, context)).toMatchObject({ exitCode: 0, findings: [] })
    expect((await verify({ config: both }, context)).exitCode).toBe(0)
    const one = records.findLast(({ key, value }) => value !== null && JSON.parse(key).keytype === 'SCHEMA' && JSON.parse(key).subject === 'meta')
    await producer.send({
      topic: '_schemas',
      messages: [{ key: one?.key ?? '', value: JSON.stringify({ ...JSON.parse(one?.value ?? ''), id: 77_777 }) }],
    })
    const differs = { severity: 'harm', code: 'registry-differs', item: 'meta/1', message: expect.stringContaining('77777') as string }
    expect(await backup({ config: both }, context)).toMatchObject({ exitCode: 22, findings: [differs] })
    const verified = await verify({ config: both }, context)
    expect(verified).toMatchObject({ exitCode: 20, backups: [{ verdict: 'damaged' }] })
    expect(verified.backups[0]?.findings).toContainEqual(expect.objectContaining(differs))
  } finally {
    await producer.disconnect()
    await admin.deleteTopics({ topics: ['_schemas'] })
    await admin.disconnect()
    await rm(directory, { recursive: true })
  }
})

test('lost and brought back by its own import: same ids, same everything, and the next id is a new one', async () => {
  const before = await clientsView()
  await emptyRegistry(true)
  expect(await registryComponent.identify(config, context)).toMatchObject({ empty: true })
  const plan = await planRestoreRegistry({ part, reader, config, rawTopicInBackup: true, context })
  expect(plan).toMatchObject({ route: 'native', registryDown: false })
  const outcome = await restoreRegistry({
    part,
    reader,
    config,
    route: plan.route,
    usedIds: part.ids.map(({ id }) => ({ id, topic: 't', partition: 0, offset: 0n })),
    context,
  })
  expect(outcome.counts).toEqual({ subjects: 9, versions: 12, ids: part.counts.ids })
  expect(await clientsView()).toEqual(before)
  const next = await ask('POST', '/subjects/new-value/versions', { schema: record('New', field('n', 'int')) })
  expect(next).toBeGreaterThan(Math.max(...part.ids.map(({ id }) => id)))
})

test('an id in the records that the backup does not have is refused by the plan, and fails the restore', async () => {
  await ask('DELETE', '/subjects/new-value')
  await ask('DELETE', '/subjects/new-value?permanent=true')
  const usedIds = [{ id: 4711, topic: 'orders', partition: 1, offset: 12n }]
  const refusal = { code: 'ids-would-change', path: 'registry/orders/1/12' }
  await expect(planRestoreRegistry({ part, reader, config, usedIds, rawTopicInBackup: true, context })).rejects.toMatchObject(refusal)
  // The raw way, because it only reads back: the registry has just been restored.
  await expect(restoreRegistry({ part, reader, config, route: 'raw-topic', usedIds, context })).rejects.toMatchObject({
    code: 'ids-would-change',
    message: expect.stringContaining('orders/1/12') as string,
  })
})

test('lost and brought back from the raw topic while it was down: same ids, same everything', async () => {
  await emptyRegistry(false)
  const plan = await planRestoreRegistry({ part, reader, config, rawTopicInBackup: true, context })
  expect(plan).toMatchObject({ route: 'raw-topic', registryDown: true })
  const snapshots = kafkaPart.topics.find((topic) => topic.name === 'kafkasql-snapshots')
  expect(snapshots?.partitions.reduce((sum, partition) => sum + partition.committedRecords, 0n) ?? 0n).toBe(0n)
  await restoreTopics({ part: kafkaPart, reader, config: kafkaConfig, topics: ['kafkasql-journal'], context })
  await stack.start('registry')
  await restoreRegistry({ part, reader, config, route: 'raw-topic', context })
  const next = await ask('POST', '/subjects/new-value/versions', { schema: record('New', field('n', 'int')) })
  expect(next).toBeGreaterThan(Math.max(...part.ids.map(({ id }) => id)))
})

test('a change of one schema after the restore is found: read back, diff and used ids go red', async () => {
  await ask('DELETE', '/subjects/customer-value')
  const findings = diffRegistry(await inventoryRegistry({ part, reader }), await inventoryRegistry({ config, context }))
  expect(findings.map((finding) => `${finding.code} ${finding.item}`)).toEqual(
    expect.arrayContaining(['deleted-state-differs customer-value/1', 'subject-missing new-value', 'schema-missing new-value/1']),
  )
})

test('wiped for good, children before parents: what Apicurio keeps is said, and another backup is not imported over it', async () => {
  const plan = await registryComponent.planWipe(config, context)
  expect(plan.map((step) => step.text)).toContain('delete subject order-value for good (versions 1, 2, 3, 4)')
  await registryComponent.wipe(config, context)
  expect((await inventoryRegistry({ config, context })).subjects).toEqual([])
  expect(events.filter((event) => event.type === 'finding').map((event) => event.finding.code)).toContain('left-over-content')
  expect(await registryComponent.identify(config, context)).toMatchObject({
    empty: false,
    contents: [expect.stringContaining('left-over') as string],
  })
  const other = { ...part, ids: part.ids.map((item) => ({ ...item, id: item.id + 500 })) }
  await expect(planRestoreRegistry({ part: other, reader, config, rawTopicInBackup: true, context })).rejects.toMatchObject({
    code: 'target-not-empty',
  })
})

test('wiped, then restored in place: the contents that Apicurio still has get their ids back', async () => {
  const plan = await planRestoreRegistry({ part, reader, config, rawTopicInBackup: true, context })
  expect(plan).toMatchObject({ route: 'native', reason: expect.stringContaining('still every content') as string })
  // Its other id is a new one; no client that goes by the compatible API sees it.
  expect((await restoreRegistry({ part, reader, config, route: plan.route, context })).findings).toContainEqual(
    expect.objectContaining({ severity: 'warning', code: 'global-ids-differ', item: '12 of 12 versions' }),
  )
  const live = await inventoryRegistry({ config, context })
  expect(diffRegistry(await inventoryRegistry({ part, reader }), live).map(({ code }) => code)).toEqual(['global-ids-differ'])
})

test('the trap itself: mode IMPORT is accepted, the id is another, and the first one gives it away', async () => {
  await registryComponent.wipe(config, context)
  const { confluent: api } = await openRegistry(config, context.signal)
  const snapshot = await inventoryRegistry({ part, reader })
  const shifted = { ...snapshot, versions: snapshot.versions.map((version) => ({ ...version, id: version.id + 500 })) }
  await expect(restImport({ api, snapshot: shifted, context })).rejects.toMatchObject({
    code: 'ids-would-change',
    message: expect.stringContaining('asked for 501') as string,
  })
  expect((await inventoryRegistry({ config, context })).versions).toHaveLength(1)
})

test('more subjects than the compatible API lists are all in the inventory', async () => {
  // Apicurio's cap (1000) can be lowered while it runs: the same cut with fewer subjects.
  await ask('PUT', '/../../registry/v3/admin/config/properties/apicurio.ccompat.max-subjects', { value: '5' })
  const schema = record('Many', field('n', 'int'))
  for (let index = 0; index < 12; index++) await ask('POST', `/subjects/many-${index}-value/versions`, { schema })
  expect(await listed('/subjects')).toBe(5)
  const { subjects, versions } = await inventoryRegistry({ config, context })
  expect(subjects.filter((subject) => subject.startsWith('many-'))).toHaveLength(12)
  expect(versions.filter((version) => version.subject.startsWith('many-'))).toHaveLength(12)
})
