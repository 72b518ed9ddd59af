import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { DatapipeConfig, KafkaConfig } from '../src/base/config.ts'
import { silentContext } from '../src/base/context.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { fetchRaw } from '../src/clients/kafka/fetch-raw.ts'
import { connectKafka, type KafkaClient } from '../src/clients/kafka/kafka-client.ts'
import { splitBatches } from '../src/clients/kafka/read-batches.ts'
import { createTopic, deleteRecords, deleteTopics } from '../src/clients/kafka/topic-admin.ts'
import { diffKafka, kafkaComponent, readGroups } from '../src/components/kafka/index.ts'
import type { KafkaPart } from '../src/components/kafka/part.ts'
import { type BackupResult, backup, type ExpireResult, restore, verify } from '../src/index.ts'
import { openBackup } from '../src/repository/open-backup.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { localStorage } from '../src/storage/local.ts'
import { resultOf, startDatapipe } from './cli.ts'
import { at, expectRefusal, expectSuccess } from './cli-outcomes.ts'
import { type ReadRecord, readEverything } from './kafka-reading.ts'

const context = silentContext()
let stack: EmbeddedStack
let kafka: Kafka
let live: KafkaConfig
let directory: string

beforeAll(async () => {
  // Golden backups hold records of a fixed day, in topics with the default retention.
  stack = await startEmbeddedStack({ components: ['kafka'], kafkaSettings: { 'log.retention.ms': '-1' }, context })
  directory = await mkdtemp(join(tmpdir(), 'datapipe-incremental-'))
  const found = stack.config('file:///unused').kafka
  if (found === undefined) throw new Error('the stack has no kafka')
  live = found
  kafka = new Kafka({ brokers: live.bootstrapServers, logLevel: logLevel.NOTHING })
})

afterAll(async () => {
  await stack?.down()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

test('a second backup stores what is new, and comes back whole: transactions across the two, deleted records, a topic compacted since', async () => {
  await using client = await connectKafka(live, context)
  await fill(client)
  const config = repository('chain')
  const first = await backup({ config }, context)
  expect(first).toMatchObject({ exitCode: 0, earlier: { files: 0 } })

  const straddling = kafka.producer({ transactionalId: 'straddling', idempotent: true, maxInFlightRequests: 1 })
  await straddling.connect()
  const open = await straddling.transaction()
  await open.send({ topic: 'transactions', messages: [{ partition: 0, key: 's', value: 'never seen' }] })
  const second = await backup({ config }, context)
  expect(second.findings.map(({ code }) => code)).toEqual(['open-transaction'])
  await open.abort()
  await straddling.disconnect()
  await produce('plain', 3, 20)
  await produce('transactions', 2, 5)
  await deleteRecords(client, 'deleted', 0, 61n)
  await deleteRecords(client, 'plain', 1, 7n)
  await untilCompacted(client)

  const third = await backup({ config }, context)
  expect(third).toMatchObject({ exitCode: 0, earlier: { backups: [first.id, second.id].slice(0, third.earlier.backups.length) } })
  expect(third.bytes - third.earlier.bytes).toBeLessThan(first.bytes / 4)
  const part = await partOf('chain', third)
  expect(partitionOf(part, 'deleted', 0)).toMatchObject({ startOffset: 61n, endOffset: 100n })
  expect(partitionOf(part, 'transactions', 0).aborted.length).toBeGreaterThan(2)
  expect(await verify({ config, all: true }, context)).toMatchObject({ exitCode: 0, backups: [{ findings: [] }, { findings: [] }, { findings: [] }] })
  await diffIsEmpty('chain')

  const topics = part.topics.map(({ name }) => name)
  const before = await readEverything(kafka, topics)
  await kafkaComponent.wipe(live, context)
  expect(await restore({ config, backup: third.id, inPlace: true }, context)).toMatchObject({ exitCode: 0 })
  const after = await readEverything(kafka, topics)
  expect(lastOfEachKey(after['compacted/0'])).toEqual(lastOfEachKey(before['compacted/0']))
  for (const found of [before, after]) delete found['compacted/0']
  expect(after).toEqual(before)
})

test('a full backup stores everything anew; the next one goes on from it', async () => {
  await emptied()
  await produce('orders', 2, 100)
  const config = repository('full')
  const first = await backup({ config }, context)
  const full = await backup({ config, full: true }, context)
  expect(full).toMatchObject({ earlier: { files: 0 }, artifacts: first.artifacts })
  const next = await backup({ config }, context)
  expect(next.earlier.backups).toEqual([full.id])
  expect(next.artifacts - next.earlier.files).toBe(1)
})

test('a topic made anew under its name, and partitions added, are stored from their starts', async () => {
  await emptied()
  await produce('orders', 1, 100)
  const config = repository('anew')
  await backup({ config }, context)
  await using client = await connectKafka(live, context)
  await deleteTopics(client, ['orders'])
  await produce('orders', 1, 60)
  const second = await backup({ config }, context)
  expect(second).toMatchObject({ exitCode: 0, records: 60, earlier: { files: 0 }, findings: [] })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createPartitions({ topicPartitions: [{ topic: 'orders', count: 3 }] })
  await admin.disconnect()
  await produce('orders', 3, 10)
  expect(await backup({ config }, context)).toMatchObject({ exitCode: 0, records: 90, earlier: { files: 1 } })
  expect(await verify({ config, all: true }, context)).toMatchObject({ exitCode: 0 })
  await diffIsEmpty('anew')
})

test('a log that was cut and written anew at the same offsets is stored from its start, with a warning', async () => {
  await emptied()
  await produce('orders', 1, 50)
  await produce('other', 1, 50)
  const config = repository('replaced')
  await backup({ config }, context)
  await stack.stop('kafka')
  const data = join(stack.directory, 'kafka', 'data')
  for (const name of await readdir(data)) {
    if (name === 'orders-0') await rm(join(data, name), { recursive: true })
  }
  await stack.start('kafka')
  await produce('orders', 1, 80)
  const second = await backup({ config }, context)
  expect(second.findings.map(({ severity, code, item }) => `${severity} ${code} ${item}`)).toEqual(['warning log-replaced orders/0'])
  expect(second).toMatchObject({ exitCode: 0, records: 130, earlier: { files: 1 } })
  await diffIsEmpty('replaced')
})

test('files of an earlier backup that are gone are not built on: their partition is stored anew, with a warning', async () => {
  await emptied()
  await produce('orders', 2, 50)
  const config = repository('gone')
  const first = await backup({ config }, context)
  await rm(join(directory, 'gone', 'backups', first.id, 'kafka/topics/orders/1'), { recursive: true })
  await produce('orders', 2, 10)
  const second = await backup({ config }, context)
  expect(second.findings.map(({ severity, code, item }) => `${severity} ${code} ${item}`)).toEqual(['warning stored-files-missing orders/1'])
  expect(await verify({ config, backup: second.id }, context)).toMatchObject({ exitCode: 0 })
  expect(await verify({ config, backup: first.id }, context)).toMatchObject({ exitCode: 20 })
  await diffIsEmpty('gone')
})

test('many small additions are read again as one file, and retention lets old files go', async () => {
  await emptied()
  const config = repository('many')
  const counts: number[] = []
  for (let round = 0; round < 12; round++) {
    await produce('orders', 1, 10)
    counts.push(partitionOf(await partOf('many', await backup({ config }, context)), 'orders', 0).artifacts.length)
  }
  expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4])
  await using client = await connectKafka(live, context)
  await deleteRecords(client, 'orders', 0, 105n)
  const last = await backup({ config }, context)
  expect(partitionOf(await partOf('many', last), 'orders', 0)).toMatchObject({
    startOffset: 105n,
    artifacts: [{ firstOffset: 100n }, { firstOffset: 110n }],
  })
  expect(await verify({ config, all: true }, context)).toMatchObject({ exitCode: 0 })
  await diffIsEmpty('many')
})

test('the golden backups of every layout are verified, and their topics restored', async () => {
  const golden = (format: number): DatapipeConfig => ({
    ...repository('unused'),
    repository: { url: new URL(`../fixtures/backups/format-${format}`, import.meta.url).href },
  })
  for (const format of [1, 2]) expect(await verify({ config: golden(format), all: true }, context)).toMatchObject({ exitCode: 0 })
  await emptied()
  expect(await restore({ config: golden(1), backup: 'latest', only: ['kafka'] }, context)).toMatchObject({ exitCode: 0 })
  expect(Object.keys(await readEverything(kafka, ['orders']))).toEqual(['orders/0'])
  await emptied()
  expect(await restore({ config: golden(2), backup: 'latest', only: ['kafka'] }, context)).toMatchObject({ exitCode: 0 })
  const read = await readEverything(kafka, ['orders', 'payments', 'state.v1'])
  const keys = Object.fromEntries(Object.entries(read).map(([name, records]) => [name, records.map(({ key }) => text(key))]))
  expect(keys['orders/0']).toEqual(Array.from({ length: 40 }, (_, n) => `order ${n * 2}`))
  expect(keys['orders/1']).toEqual(Array.from({ length: 35 }, (_, n) => `order ${n * 2 + 11}`))
  expect(keys['payments/0']).toEqual(['payment 1', 'payment 2', 'payment 41', 'payment 42'])
  expect(read['state.v1/0']?.map(({ value }) => text(value))).toEqual(['0', '0', null, '40', '40', null])
  expect(read['orders/0']?.[3]).toMatchObject({ timestamp: '1700000000006', headers: [['n', [Buffer.from('6').toString('hex')]]] })
  const groups = await readGroups(live, context)
  expect(groups.find(({ groupId }) => groupId === 'billing')?.offsets).toMatchObject([{ topic: 'orders', partition: 0, offset: 33n }])
})

const text = (hex: string | null) => (hex === null ? null : Buffer.from(hex, 'hex').toString())

/** Topics of several kinds: transactions committed and aborted, deleted records, and one that the cleaner will thin. */
async function fill(client: KafkaClient): Promise<void> {
  await produce('plain', 3, 200)
  await produce('deleted', 1, 100)
  await deleteRecords(client, 'deleted', 0, 37n)
  const cleaned = { 'cleanup.policy': 'compact', 'segment.ms': '500', 'min.cleanable.dirty.ratio': '0.001', 'max.compaction.lag.ms': '500' }
  await createTopic(client, { name: 'compacted', partitions: 1, replicationFactor: 1, configs: cleaned })
  for (let round = 0; round < 5; round++) await produce('compacted', 1, 20)
  await produce('transactions', 2, 5)
  const producer = kafka.producer({ transactionalId: 'filling', idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (let round = 0; round < 6; round++) {
    const transaction = await producer.transaction()
    for (const partition of [0, 1]) await transaction.send({ topic: 'transactions', messages: [{ partition, key: 't', value: `${round}` }] })
    await (round % 2 === 0 ? transaction.abort() : transaction.commit())
  }
  await producer.disconnect()
}

/** The cleaner has taken records that a backup holds. */
async function untilCompacted(client: KafkaClient): Promise<void> {
  await waitUntil(
    async () => {
      await produce('compacted', 1, 1)
      const broker = await client.leaderOf('compacted', 0)
      const fetch = { topic: 'compacted', partition: 0, offset: 0n, maxBytes: 1 << 20, isolation: 1, maxWaitMs: 100 } as const
      return (splitBatches((await fetchRaw(client, broker, 'look', fetch)).records).batches[0]?.header.baseOffset ?? 0n) > 0n
    },
    { what: 'compaction', timeoutMs: 120_000, everyMs: 500 },
  )
}

function lastOfEachKey(records: ReadRecord[] | undefined): Record<string, ReadRecord> {
  return Object.fromEntries((records ?? []).map((record) => [record.key, record]))
}

test('an expiry that is killed breaks nothing, and the next one finishes it; without the right word it does nothing', async () => {
  const config = repository('many')
  const file = join(directory, 'many.yaml')
  await writeFile(file, stringify(config))
  const url = config.repository.url
  const refused = await at(file, 'expire', '--keep-last', '3')
  expectRefusal(refused, 54, 'confirmation-missing', /^this would remove:\n {2}backup /)
  expect(refused.error?.hint).toContain(`--yes ${url}`)
  const planned = resultOf<ExpireResult>(await at(file, 'expire', '--keep-last', '3', '--dry-run'))
  expect(planned).toMatchObject({ identity: url, plan: { keep: { length: 3 }, remove: { length: 10 } } })

  using dying = startDatapipe(['--json', '--config', file, 'expire', '--keep-last', '3', '--yes', url])
  await dying.event((event) => event.type === 'progress' && event.task === 'remove files')
  dying.kill('SIGKILL')
  expect((await dying.ended).exitCode).toBe(-1)
  expect(await verify({ config, all: true }, context)).toMatchObject({ exitCode: 0, backups: { length: 3 } })
  // A backup that comes in between goes on with nothing that the expiry has left.
  expect(await backup({ config }, context)).toMatchObject({ resumed: false, exitCode: 0 })
  await expectSuccess(at(file, 'expire', '--keep-last', '3', '--yes', url))
  expect(await verify({ config, all: true }, context)).toMatchObject({ exitCode: 0, backups: { length: 3 } })
  const again = resultOf<ExpireResult>(await at(file, 'expire', '--keep-last', '3', '--dry-run'))
  expect(again).toMatchObject({ plan: { remove: [] }, files: 0 })
  await diffIsEmpty('many')
})

function repository(name: string): DatapipeConfig {
  const { kafka: section } = stack.config('file:///unused')
  if (section === undefined) throw new Error('the stack has no kafka')
  return { repository: { url: pathToFileURL(join(directory, name)).href }, kafka: section } as DatapipeConfig
}

async function emptied(): Promise<void> {
  await kafkaComponent.wipe(live, context)
}

/** Sends `count` records to each of the first `partitions` partitions, creating the topic when it is not there. */
async function produce(topic: string, partitions: number, count: number): Promise<void> {
  await using client = await connectKafka(live, context)
  if ((await client.topics([topic])).length === 0) {
    await createTopic(client, { name: topic, partitions, replicationFactor: 1, configs: {} })
    await waitUntil(async () => (await client.topics([topic]))[0]?.partitions.every(({ leader }) => leader >= 0) ?? false, {
      what: `leaders of ${topic}`,
      timeoutMs: 60_000,
    })
  }
  const producer = kafka.producer()
  await producer.connect()
  for (let partition = 0; partition < partitions; partition++) {
    const messages = Array.from({ length: count }, (_, index) => ({ partition, key: `k${index}`, value: `value ${index} `.repeat(20) }))
    await producer.send({ topic, messages })
  }
  await producer.disconnect()
}

async function partOf(name: string, { id }: Pick<BackupResult, 'id'>): Promise<KafkaPart> {
  const { manifest } = await openBackup(localStorage(join(directory, name)), id)
  return kafkaComponent.parsePart(manifest.components.kafka)
}

function partitionOf(part: KafkaPart, topic: string, partition: number) {
  const found = part.topics.find(({ name }) => name === topic)?.partitions[partition]
  if (found === undefined) throw new Error(`no ${topic}/${partition}`)
  return found
}

async function diffIsEmpty(name: string): Promise<void> {
  const opened = await openBackup(localStorage(join(directory, name)), 'latest')
  const part = kafkaComponent.parsePart(opened.manifest.components.kafka)
  const findings = await diffKafka({ kind: 'backup', part, reader: opened.component('kafka') }, { kind: 'live', config: live }, context)
  expect(findings).toEqual([])
}
