import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Admin, Kafka, logLevel, Partitioners } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silentContext } from '../src/base/context.ts'
import type { DatapipeEvent } from '../src/base/events.ts'
import type { Finding } from '../src/base/finding.ts'
import { runForTest } from '../src/cli/test-cli.ts'
import type { RestoreResult } from '../src/commands/restore.ts'
import type { KafkaPartJson } from '../src/components/kafka/part.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { readEverything } from './kafka-reading.ts'

/** What a restore of topics may do otherwise than "as it was", each beside the originals on one broker, by the command line. */
let stack: EmbeddedStack
let kafka: Kafka
let admin: Admin
let directory: string
let id: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-kafka-restore-'))
  stack = await startEmbeddedStack({ components: ['kafka'], context: silentContext() })
  await writeFile(join(directory, 'datapipe.yaml'), JSON.stringify({ ...stack.config(pathToFileURL(join(directory, 'repository')).href) }))
  const brokers = stack.config('file:///unused').kafka?.bootstrapServers ?? []
  kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING })
  admin = kafka.admin()
  await admin.connect()
  await fill()
  const backup = await datapipe('backup')
  id = (backup.result as { id: string } | undefined)?.id ?? told(backup)
}, 120_000)

afterAll(async () => {
  await admin?.disconnect()
  await stack?.down()
  await rm(directory, { recursive: true, force: true })
})

/** Long ago and evenly spaced, so that a time range can be told by hand. */
const firstTime = 1_600_000_000_000

async function fill(): Promise<void> {
  const make = (topic: string, numPartitions: number, configs: Record<string, string> = {}) => ({
    topic,
    numPartitions,
    replicationFactor: 1,
    configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
  })
  await admin.createTopics({
    waitForLeaders: true,
    topics: [
      make('orders', 3, { 'retention.ms': '-1', 'max.message.bytes': '2000000' }),
      make('expiring', 1, { 'retention.ms': '604800000' }),
      make('throttled', 1, { 'leader.replication.throttled.replicas': '0:1', 'min.insync.replicas': '1' }),
    ],
  })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  for (let from = 0; from < 120; from += 20) {
    const messages = [...Array(20).keys()].map((index) => ({
      key: `customer ${(from + index) % 17}`,
      value: `order ${from + index}`,
      timestamp: String(firstTime + (from + index) * 1000),
      headers: { n: String(from + index) },
    }))
    await producer.send({ topic: 'orders', messages })
  }
  await producer.send({ topic: 'throttled', messages: [{ key: 'a', value: 'b' }] })
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: 2, name: 'expiring', configEntries: [{ name: 'retention.ms', value: '-1' }] }],
  })
  await producer.send({ topic: 'expiring', messages: [{ key: 'old', value: 'old', timestamp: String(firstTime) }] })
  await producer.disconnect()
  await admin.setOffsets({ groupId: 'billing', topic: 'orders', partitions: [0, 1, 2].map((partition) => ({ partition, offset: '7' })) })
}

interface Run {
  exitCode: number
  stdout: string
  result: unknown
  error: (DatapipeEvent & { type: 'error' }) | undefined
}

async function datapipe(...args: string[]): Promise<Run> {
  const { exitCode, stdout } = await runForTest(['--config', join(directory, 'datapipe.yaml'), '--json', ...args])
  const events = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as DatapipeEvent]))
  const last = events.at(-1)
  return { exitCode, stdout, result: last?.type === 'result' ? last.result : undefined, error: last?.type === 'error' ? last : undefined }
}

const told = ({ exitCode, stdout }: Run) => `exit ${exitCode}: ${stdout.slice(-3000)}`

/** A restore beside the originals. */
const beside = (topics: string[], ...args: string[]) => datapipe('restore', id, '--only', 'kafka', '--in-place', '--topic', ...topics, ...args)

async function restored(run: Promise<Run>): Promise<RestoreResult> {
  const done = await run
  expect(done.exitCode, told(done)).toBe(0)
  return done.result as RestoreResult
}

function expectRefusal(run: Run, code: string, exitCode: number, words: { message: RegExp; hint: RegExp }): void {
  expect(run.error, told(run)).toMatchObject({
    code,
    exitCode,
    message: expect.stringMatching(words.message) as string,
    hint: expect.stringMatching(words.hint) as string,
  })
  expect(run.exitCode).toBe(exitCode)
}

const topicsThere = async () => (await admin.listTopics()).filter((name) => !name.startsWith('__')).sort()
const findingsOf = (result: RestoreResult, code: string): Finding[] => result.findings.filter((finding) => finding.code === code)

/** The backup as another cluster would have written it: its manifest changed, with a checksum that fits. */
async function changeKafkaPart<T>(change: (part: KafkaPartJson) => void, work: () => Promise<T>): Promise<T> {
  const file = join(directory, 'repository', 'backups', id, 'manifest.json')
  const write = async (text: string) => {
    await writeFile(file, text)
    await writeFile(`${file}.sha256`, `${createHash('sha256').update(text).digest('hex')}  manifest.json\n`)
  }
  const before = await readFile(file, 'utf8')
  const manifest = JSON.parse(before) as { components: { kafka: KafkaPartJson } }
  change(manifest.components.kafka)
  await write(JSON.stringify(manifest))
  try {
    return await work()
  } finally {
    await write(before)
  }
}

const topicOf = (part: KafkaPartJson, name: string) => part.topics.find((topic) => topic.name === name) as KafkaPartJson['topics'][number]

async function ownConfigs(topic: string): Promise<Record<string, string>> {
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: topic }] })
  const entries = resources[0]?.configEntries as unknown as { configName: string; configValue: string; configSource: number }[]
  return Object.fromEntries(entries.filter(({ configSource }) => configSource === 1).map(({ configName, configValue }) => [configName, configValue]))
}

describe('other names', () => {
  test('a topic is restored beside the original on the living cluster, its group gets the same place there, and the plan says who knows the old name', async () => {
    const before = await readEverything(kafka, ['orders'])
    const dry = await restored(beside(['orders'], '--rename', 'orders=restored.orders', '--dry-run'))
    expect(dry.plan.map(({ text }) => text)).toEqual([
      'create topic restored.orders (3 partitions, replication factor 1, max.message.bytes=2000000, retention.ms=-1)',
      'load 120 records of orders into restored.orders with retention, cleaning and timestamp limits held off, then put its configuration back',
      'set the positions of 1 groups: billing',
    ])
    expect(findingsOf(dry, 'knows-old-name').map(({ item }) => item)).toEqual(['billing'])
    expect(await topicsThere()).not.toContain('restored.orders')

    await restored(beside(['orders'], '--rename', '*=restored.*'))
    const after = await readEverything(kafka, ['restored.orders', 'orders'])
    for (const partition of [0, 1, 2]) {
      expect(after[`restored.orders/${partition}`]).toEqual(before[`orders/${partition}`])
      expect(after[`orders/${partition}`]).toEqual(before[`orders/${partition}`])
    }
    const offsets = await admin.fetchOffsets({ groupId: 'billing', topics: ['restored.orders', 'orders'] })
    expect(offsets.flatMap(({ partitions }) => partitions.map(({ offset }) => offset))).toEqual(Array(6).fill('7'))
  })

  test('two topics with one name, a name that is taken, an impossible name, and a rule for nothing are refused', async () => {
    const before = await topicsThere()
    const both = await beside(['orders', 'expiring'], '--rename', '*=one')
    expectRefusal(both, 'rename-refused', 63, { message: /expiring and orders would both be one/, hint: /--rename FROM=TO/ })
    const taken = await beside(['orders'], '--rename', 'orders=throttled')
    expectRefusal(taken, 'target-not-empty', 40, { message: /topic throttled has records/, hint: /wipe/ })
    const like = await beside(['orders'], '--rename', 'orders=restored_orders')
    expectRefusal(like, 'rename-refused', 63, { message: /refuses a topic restored_orders: .*collides with/, hint: /--rename/ })
    const impossible = await beside(['orders'], '--rename', 'orders=or/ders')
    expectRefusal(impossible, 'rename-refused', 63, { message: /is no name for a topic/, hint: /--rename/ })
    const nothing = await beside(['orders'], '--rename', 'order=x')
    expectRefusal(nothing, 'topic-pattern-empty', 64, { message: /matches no topic/, hint: /datapipe show/ })
    const pipeline = await datapipe('restore', id, '--in-place', '--rename', 'orders=x')
    expectRefusal(pipeline, 'usage', 64, { message: /less than a pipeline/, hint: /--only kafka/ })
    expect(await topicsThere()).toEqual(before)
  })

  test('a group with a member is refused before anything is loaded, and left alone when asked', async () => {
    const consumer = kafka.consumer({ groupId: 'billing' })
    await consumer.connect()
    await consumer.subscribe({ topics: ['throttled'] })
    const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve))
    await consumer.run({ autoCommit: false, eachMessage: async () => {} })
    await joined
    const busy = await beside(['orders'], '--rename', 'orders=busy.orders')
    expectRefusal(busy, 'group-not-applied', 49, { message: /billing \(Stable\)/, hint: /--without-groups/ })
    expect(await topicsThere()).not.toContain('busy.orders')
    await restored(beside(['orders'], '--rename', 'orders=busy.orders', '--without-groups'))
    await consumer.disconnect()
    const offsets = await admin.fetchOffsets({ groupId: 'billing', topics: ['busy.orders'] })
    expect(offsets[0]?.partitions.map(({ offset }) => offset)).toEqual(['-1', '-1', '-1'])
  })
})

describe('another cluster', () => {
  test('fewer brokers than replicas: refused with the option that decides, and done with it; in-sync replicas are lowered, and said', async () => {
    const threeReplicas = (part: KafkaPartJson) => {
      const topic = topicOf(part, 'throttled')
      topic.replicationFactor = 3
      topic.configs['min.insync.replicas'] = '2'
    }
    await changeKafkaPart(threeReplicas, async () => {
      const refused = await beside(['throttled'], '--rename', '*=small.*')
      expectRefusal(refused, 'not-supported', 57, {
        message: /topic small.throttled has 3 replicas, and the cluster 1 brokers/,
        hint: /--replication-factor 1 \(kafka.restore.replicationFactor: 1/,
      })
      const more = await beside(['throttled'], '--rename', '*=small.*', '--replication-factor', '2')
      expectRefusal(more, 'not-supported', 57, { message: /has 2 replicas, and the cluster 1 brokers/, hint: /--replication-factor 1/ })
      const result = await restored(beside(['throttled'], '--rename', '*=small.*', '--replication-factor', '1'))
      expect(findingsOf(result, 'min-insync-lowered')).toMatchObject([
        { severity: 'warning', item: 'small.throttled: min.insync.replicas', next: expect.stringContaining('min.insync.replicas=2') as string },
      ])
    })
    expect(await ownConfigs('small.throttled')).toEqual({ 'min.insync.replicas': '1' })
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic: 'small.throttled', acks: -1, messages: [{ value: 'writable' }] })
    await producer.disconnect()
  })

  test('settings that the target does not take are listed, before and after; the others are set', async () => {
    const foreign = (part: KafkaPartJson) => {
      Object.assign(topicOf(part, 'throttled').configs, {
        'confluent.tier.enable': 'true',
        'remote.storage.enable': 'true',
        'delete.retention.ms': '12345',
      })
    }
    await changeKafkaPart(foreign, async () => {
      const expected = [
        'foreign.throttled: confluent.tier.enable',
        'foreign.throttled: leader.replication.throttled.replicas',
        'foreign.throttled: remote.storage.enable',
      ]
      const dry = await restored(beside(['throttled'], '--rename', '*=foreign.*', '--dry-run'))
      expect(
        findingsOf(dry, 'config-not-applied')
          .map(({ item }) => item)
          .sort(),
      ).toEqual(expected)
      const result = await restored(beside(['throttled'], '--rename', '*=foreign.*'))
      expect(
        findingsOf(result, 'config-not-applied')
          .map(({ item }) => item)
          .sort(),
      ).toEqual(expected)
    })
    expect(await ownConfigs('foreign.throttled')).toEqual({ 'delete.retention.ms': '12345', 'min.insync.replicas': '1' })
  })

  test('an empty topic with another number of partitions is refused, by name and with what would do it', async () => {
    await admin.createTopics({ topics: [{ topic: 'wide.orders', numPartitions: 5, replicationFactor: 1 }], waitForLeaders: true })
    const refused = await beside(['orders'], '--rename', '*=wide.*')
    expectRefusal(refused, 'partitions-differ', 65, {
      message: /topic wide.orders exists with 5 partitions, the backup has 3/,
      hint: /--repartition orders=5/,
    })
  })

  test('what the original retention will delete, and when, is said before and after', async () => {
    const week = (part: KafkaPartJson) => {
      topicOf(part, 'expiring').configs['retention.ms'] = '604800000'
    }
    await changeKafkaPart(week, async () => {
      const words =
        /^retention.ms=604800000 \(7 days\) comes back: at the latest 5 minutes after its restore the broker deletes .* all 1 records of partition 0/
      const dry = await restored(beside(['expiring'], '--rename', '*=week.*', '--dry-run'))
      expect(findingsOf(dry, 'retention-will-delete')).toMatchObject([
        { severity: 'warning', item: 'week.expiring', message: expect.stringMatching(words) as string },
      ])
      const result = await restored(beside(['expiring'], '--rename', '*=week.*'))
      expect(findingsOf(result, 'retention-will-delete')).toMatchObject([{ message: expect.stringMatching(words) as string }])
    })
  })
})
