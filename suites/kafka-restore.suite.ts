import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { alterClientQuotasV1, alterUserScramCredentialsV0, Consumer } from '@platformatic/kafka'
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Admin,
  Kafka,
  logLevel,
  Partitioners,
  type Producer,
  ResourcePatternTypes,
} from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silentContext } from '../src/base/context.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import type { DatapipeEvent } from '../src/base/events.ts'
import type { Finding } from '../src/base/finding.ts'
import { runForTest } from '../src/cli/test-cli.ts'
import { connectKafka } from '../src/clients/kafka/kafka-client.ts'
import { type AclEntry, createAcls, listAcls, listQuotas, setQuotas } from '../src/clients/kafka/security-admin.ts'
import { deleteRecords } from '../src/clients/kafka/topic-admin.ts'
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
  // An authorizer that allows what no ACL forbids.
  const kafkaSettings = {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'true',
    // Compaction is waited for.
    'log.cleaner.backoff.ms': '200',
  }
  stack = await startEmbeddedStack({ components: ['kafka'], kafkaSettings, context: silentContext() })
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
      make('empty', 1),
      make('gaps', 2),
      make('compacted', 1, {
        'cleanup.policy': 'compact',
        'segment.ms': '500',
        'min.cleanable.dirty.ratio': '0.001',
        'max.compaction.lag.ms': '500',
      }),
      make('throttled', 1, { 'leader.replication.throttled.replicas': '0:1', 'min.insync.replicas': '1' }),
    ],
  })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true, maxInFlightRequests: 1 })
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
  await fillGaps()
  await fillCompacted(producer)
  await producer.disconnect()
  await fillModernGroup()
  await fillSecurity()
  await admin.setOffsets({ groupId: 'billing', topic: 'orders', partitions: [0, 1, 2].map((partition) => ({ partition, offset: '7' })) })
}

/** Commit and abort markers and aborted records between the records, an aborted one at the end; the first offsets of partition 0 are deleted. */
async function fillGaps(): Promise<void> {
  const producer = kafka.producer({ transactionalId: 'gaps', idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (let round = 0; round < 8; round++) {
    const transaction = await producer.transaction()
    const messages = [0, 1, 0, 1, 0].map((partition, index) => ({
      partition,
      key: `${round}`,
      value: `${round} ${index}`,
      timestamp: `${firstTime + round}`,
    }))
    await transaction.send({ topic: 'gaps', messages })
    await (round % 3 === 1 ? transaction.abort() : transaction.commit())
  }
  await producer.disconnect()
  await deleteUpTo('gaps', 0, 5n)
  await admin.setOffsets({
    groupId: 'in-gaps',
    topic: 'gaps',
    partitions: [
      { partition: 0, offset: '11' },
      { partition: 1, offset: '24' },
    ],
  })
}

/** A member of the new protocol reads, commits and leaves. */
async function fillModernGroup(): Promise<void> {
  await using joined = modernConsumer('modern')
  const { consumer } = joined
  const stream = await consumer.consume({ topics: ['orders'], mode: 'earliest', autocommit: false, maxWaitTime: 200 })
  for await (const _ of stream) break
  await consumer.commit({ offsets: [0, 1, 2].map((partition) => ({ topic: 'orders', partition, offset: 9n, leaderEpoch: 0 })) })
}

/** Rights that concern no topic of this suite. */
async function fillSecurity(): Promise<void> {
  await using client = await connect()
  await createAcls(client, [acl('LITERAL', 'invoices', 'READ'), acl('PREFIXED', 'shop-', 'ALL')])
  await setQuotas(client, [
    { entity: [{ type: 'user', name: 'alice' }], values: { producer_byte_rate: 1048576, consumer_byte_rate: 2097152 } },
    { entity: [{ type: 'client-id', name: null }], values: { request_percentage: 50.5 } },
  ])
  const credential = { name: 'alice', mechanism: 2, iterations: 8192, salt: Buffer.from('salt'), saltedPassword: Buffer.alloc(64, 7) }
  await client.retrying(async () => client.call(await client.broker(), 'main', [alterUserScramCredentialsV0.api], [], [credential] as never))
}

const acl = (patternType: string, resourceName: string, operation: string, more: Partial<AclEntry> = {}): AclEntry => ({
  resourceType: 'TOPIC',
  resourceName,
  patternType,
  principal: 'User:alice',
  host: '*',
  operation,
  permission: 'ALLOW',
  ...more,
})

/** kafkajs gives up where a leader is not known yet. */
async function deleteUpTo(topic: string, partition: number, offset: bigint): Promise<void> {
  await using client = await connect()
  await deleteRecords(client, topic, partition, offset)
}

async function connect() {
  const config = stack.config('file:///unused').kafka
  if (config === undefined) throw new Error('the stack has no kafka')
  return await connectKafka(config, silentContext())
}

/** Waits until the log cleaner has taken records out. */
async function fillCompacted(producer: Producer): Promise<void> {
  const records = async () => Object.values(await readAll(['compacted'])).flat()
  for (let round = 0; round < 6; round++) {
    await producer.send({
      topic: 'compacted',
      messages: [...Array(10).keys()].map((n) => ({ key: n === 4 ? `only ${round}` : `k${n}`, value: `${round} ${n}` })),
    })
  }
  await waitUntil(
    async () => {
      const messages = [{ key: 'tick', value: 'tick' }]
      const [sent] = await producer.send({ topic: 'compacted', messages })
      return (await records()).length < Number(sent?.baseOffset ?? 0) - 5
    },
    { what: 'compaction', timeoutMs: 120_000, everyMs: 700 },
  )
  // From here on it stays as it is: what is compared must not be compacted meanwhile.
  await admin.alterConfigs({
    validateOnly: false,
    resources: [
      {
        type: 2,
        name: 'compacted',
        configEntries: [
          { name: 'cleanup.policy', value: 'compact' },
          { name: 'min.compaction.lag.ms', value: '86400000' },
        ],
      },
    ],
  })
}

/** Every record that a consumer of either isolation sees, as `offset key value timestamp`, per `topic/partition`. */
async function readAll(topics: string[], readUncommitted = false): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {}
  const waiting = new Map<string, bigint>()
  for (const topic of topics) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      found[`${topic}/${partition}`] = []
      if (low !== high) waiting.set(`${topic}/${partition}`, BigInt(high))
    }
  }
  const groupId = `reading-${crypto.randomUUID()}`
  const consumer = kafka.consumer({ groupId, readUncommitted })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  if (waiting.size === 0) return found
  await consumer.connect()
  await consumer.subscribe({ topics, fromBeginning: true })
  consumer.on('consumer.end_batch_process', ({ payload }) => {
    const key = `${payload.topic}/${payload.partition}`
    if (BigInt(payload.lastOffset) + 1n >= (waiting.get(key) ?? 0n)) waiting.delete(key)
    if (waiting.size === 0) resolve()
  })
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const { offset, key, value, timestamp } of batch.messages)
        found[`${batch.topic}/${batch.partition}`]?.push(`${offset} ${key} ${value} ${timestamp}`)
    },
  })
  const timer = setTimeout(() => reject(new Error(`kafkajs never came to the end of ${[...waiting.keys()].join(', ')}`)), 60_000)
  await promise
  clearTimeout(timer)
  await consumer.disconnect()
  await admin.deleteGroups([groupId])
  return found
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
      'set the positions of 2 groups: billing, modern',
    ])
    expect(findingsOf(dry, 'knows-old-name').map(({ item }) => item)).toEqual(['billing', 'modern'])
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

describe('original offsets', () => {
  const ends = async (topic: string) =>
    (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => ({ partition, low, high })).sort((a, b) => a.partition - b.partition)

  test('deleted beginnings, transactions and compaction: every record at its own offset for every reader, the same ends, positions untranslated', async () => {
    const names = ['gaps', 'compacted', 'orders']
    const before = await readAll(names)
    expect(before['gaps/0']?.length).toBeGreaterThan(5)
    const result = await restored(beside(names, '--rename', '*=exact.*', '--preserve-offsets'))
    expect(findingsOf(result, 'markers-written').map(({ item }) => item)).toEqual(['exact.compacted', 'exact.gaps'])
    for (const readUncommitted of [false, true]) {
      const after = await readAll(
        names.map((name) => `exact.${name}`),
        readUncommitted,
      )
      expect(after).toEqual(Object.fromEntries(Object.entries(before).map(([key, records]) => [`exact.${key}`, records])))
    }
    for (const name of names) {
      const source = await ends(name)
      const target = await ends(`exact.${name}`)
      expect(target.map(({ high }) => high)).toEqual(source.map(({ high }) => high))
      expect(target.map(({ partition, low }) => low === (before[`${name}/${partition}`]?.[0]?.split(' ')[0] ?? ''))).toEqual(target.map(() => true))
    }
    const offsets = await admin.fetchOffsets({ groupId: 'in-gaps', topics: ['exact.gaps'] })
    expect(offsets[0]?.partitions.map(({ offset }) => offset)).toEqual(['11', '24'])
  })

  test('a topic that was emptied a quarter of a million offsets ago goes on there', async () => {
    const emptied = (part: KafkaPartJson) => {
      const [partition] = topicOf(part, 'empty').partitions
      if (partition) Object.assign(partition, { startOffset: '250000', endOffset: '250000', highWatermark: '250000' })
    }
    await changeKafkaPart(emptied, () => restored(beside(['empty'], '--rename', '*=far.*', '--preserve-offsets')))
    expect(await ends('far.empty')).toEqual([{ partition: 0, low: '250000', high: '250000' }])
  })

  test('more offsets without records than are filled, an empty topic that stands too far, and records spread anew are refused by partition', async () => {
    const sparse = (part: KafkaPartJson) => {
      const [partition] = topicOf(part, 'orders').partitions
      if (partition) Object.assign(partition, { endOffset: '5000000', highWatermark: '5000000' })
    }
    await changeKafkaPart(sparse, async () => {
      const refused = await beside(['orders'], '--rename', '*=sparse.*', '--preserve-offsets')
      expectRefusal(refused, 'offsets-not-kept', 66, {
        message: /sparse.orders\/0: 49\d+ offsets without a record .* at most 1000000 are filled/,
        hint: /without --preserve-offsets/,
      })
    })
    const producer = kafka.producer()
    await admin.createTopics({ topics: [{ topic: 'late.orders', numPartitions: 3, replicationFactor: 1 }], waitForLeaders: true })
    await producer.connect()
    await producer.send({ topic: 'late.orders', messages: [1, 2, 3].map((n) => ({ partition: 1, value: `${n}` })) })
    await producer.disconnect()
    await deleteUpTo('late.orders', 1, 3n)
    const late = await beside(['orders'], '--rename', '*=late.*', '--preserve-offsets')
    expectRefusal(late, 'offsets-not-kept', 66, { message: /late.orders\/1: the empty topic stands at offset 3 already/, hint: /translated/ })
    expect(await topicsThere()).not.toContain('sparse.orders')
  })
})

describe('less than everything', () => {
  test('by offsets: the partition named and no other, a group in the middle of it stands at the same record; the offset map says where each went', async () => {
    const before = await readAll(['orders'])
    const file = join(directory, 'offsets.json')
    const args = ['--rename', '*=part.*', '--offsets', 'orders/1=5..12', '--offset-map', file]
    const result = await restored(beside(['orders'], ...args))
    expect(result.outcomes[0]?.counts).toMatchObject({ records: 7 })
    const after = await readAll(['part.orders'])
    expect(after['part.orders/0']).toEqual([])
    expect(after['part.orders/1']?.map(withoutOffset)).toEqual(before['orders/1']?.slice(5, 12).map(withoutOffset))
    const [offsets] = await admin.fetchOffsets({ groupId: 'billing', topics: ['part.orders'] })
    expect(offsets?.partitions.find(({ partition }) => partition === 1)?.offset).toBe('2')
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
      kind: 'datapipe-offset-map',
      format: 1,
      backup: id,
      partitions: expect.arrayContaining([{ topic: 'orders', partition: 1, to: 'part.orders', end: '7', runs: [['5', '0', '7']] }]) as unknown,
    })
    const again = await beside(['orders'], '--rename', '*=again.*', '--offset-map', file)
    expectRefusal(again, 'target-not-empty', 40, { message: /offsets.json is there already/, hint: /--offset-map/ })
    expect(await topicsThere()).not.toContain('again.orders')
  })

  test('by time: exactly the records from one moment to before another, with or without their offsets', async () => {
    const wanted = (records: string[] | undefined) =>
      records?.filter((record) => {
        const time = Number(record.split(' ').at(-1))
        return time >= firstTime + 30_000 && time < firstTime + 50_000
      })
    const before = await readAll(['orders'])
    const times = ['--from-time', new Date(firstTime + 30_000).toISOString(), '--to-time', String(firstTime + 50_000)]
    const result = await restored(beside(['orders'], '--rename', '*=hour.*', ...times))
    expect(result.outcomes[0]?.counts).toMatchObject({ records: 20 })
    await restored(beside(['orders'], '--rename', '*=exact-hour.*', '--preserve-offsets', ...times))
    const after = await readAll(['hour.orders', 'exact-hour.orders'])
    for (const partition of [0, 1, 2]) {
      expect(after[`hour.orders/${partition}`]?.map(withoutOffset)).toEqual(wanted(before[`orders/${partition}`])?.map(withoutOffset))
      expect(after[`exact-hour.orders/${partition}`]).toEqual(wanted(before[`orders/${partition}`]))
    }
  })

  test('the same part can be exported, and its file says that it is one', async () => {
    const output = join(directory, 'exported')
    const times = ['--from-time', String(firstTime + 30_000), '--to-time', String(firstTime + 50_000)]
    const done = await datapipe('export', id, '--topic', 'orders', '--format', 'raw', '--output', output, ...times)
    expect(done.exitCode, told(done)).toBe(0)
    const lines = (await readFile(join(output, 'orders.raw.jsonl'), 'utf8')).trimEnd().split('\n')
    const found = lines.map((line) => Number((JSON.parse(line) as { timestamp: string }).timestamp)).sort()
    expect(found).toEqual([...Array(20).keys()].map((index) => firstTime + 30_000 + index * 1000))
    const about = JSON.parse(await readFile(join(output, 'orders.raw.jsonl.about.json'), 'utf8')) as unknown
    expect(about).toMatchObject({ records: 20, only: { fromTime: times[1], toTime: times[3] } })
    const again = await datapipe('export', id, '--topic', 'orders', '--format', 'raw', '--output', `${output}-2`, '--offsets', 'orders/1=3..5')
    expect(again.exitCode, told(again)).toBe(0)
    expect((await readFile(join(`${output}-2`, 'orders.raw.jsonl'), 'utf8')).trimEnd().split('\n')).toHaveLength(2)
  })

  test('a range that is none, or of a partition that is not there, is a mistake', async () => {
    const none = await beside(['orders'], '--rename', '*=r.*', '--offsets', 'orders/0=5')
    expectRefusal(none, 'usage', 64, { message: /is not TOPIC\/PARTITION=FROM..TO/, hint: /orders\/0=100..200/ })
    const other = await beside(['orders'], '--rename', '*=r.*', '--offsets', 'orders/3=5..6')
    expectRefusal(other, 'usage', 64, { message: /names orders\/3/, hint: /datapipe show/ })
    const time = await beside(['orders'], '--rename', '*=r.*', '--from-time', 'yesterday')
    expectRefusal(time, 'usage', 64, { message: /--from-time yesterday/, hint: /2026-11-25T09:00:00Z/ })
  })
})

const withoutOffset = (record: string) => record.slice(record.indexOf(' '))

describe('another number of partitions', () => {
  test('records are spread by key as kafkajs would have, each key in its order, and no group skips a record', async () => {
    const before = (await readAll(['orders'])) as Record<string, string[]>
    const result = await restored(beside(['orders'], '--rename', '*=five.*', '--repartition', 'orders=5'))
    const after = (await readAll(['five.orders'])) as Record<string, string[]>
    const all = Object.values(after).flat()
    expect(all.map(withoutOffset).sort()).toEqual(Object.values(before).flat().map(withoutOffset).sort())
    // The oracle is kafkajs's own partitioner.
    const partitioner = Partitioners.DefaultPartitioner()
    const partitionMetadata = [0, 1, 2, 3, 4].map((partitionId) => ({ partitionId, leader: 1, partitionErrorCode: 0, replicas: [1], isr: [1] }))
    const keyOf = (record: string) => /^\d+ (customer \d+)/.exec(record)?.[1] ?? ''
    const ofKey = (records: string[], key: string) => records.filter((record) => keyOf(record) === key).map(withoutOffset)
    for (const [place, records] of Object.entries(after)) {
      for (const record of records)
        expect(`five.orders/${partitioner({ topic: 'five.orders', partitionMetadata, message: { key: keyOf(record), value: '' } })}`).toBe(place)
      for (const key of new Set(records.map(keyOf))) {
        const source = Object.values(before).find((candidate) => candidate.some((record) => keyOf(record) === key)) ?? []
        expect(ofKey(records, key)).toEqual(ofKey(source, key))
      }
    }
    for (const [groupId, position] of [
      ['billing', 7],
      ['modern', 9],
    ] as const) {
      const [offsets] = await admin.fetchOffsets({ groupId, topics: ['five.orders'] })
      const unread = offsets?.partitions.flatMap(({ partition, offset }) =>
        (after[`five.orders/${partition}`] ?? []).filter((record) => Number(record.split(' ')[0]) >= Number(offset)).map(withoutOffset),
      )
      const owed = Object.values(before).flatMap((records) => records.filter((record) => Number(record.split(' ')[0]) >= position).map(withoutOffset))
      expect(unread).toEqual(expect.arrayContaining(owed))
      const told = findingsOf(result, 'group-reads-again').find(({ item }) => item.startsWith(`${groupId}/`))
      expect(unread?.length).toBe(owed.length + Number(/reads (\d+) records/.exec(told?.message ?? '')?.[1] ?? 0))
    }
  })

  test('records that another partitioner wrote are refused with the first of them, and offsets cannot be kept', async () => {
    const stray = await beside(['gaps'], '--rename', '*=five.*', '--repartition', 'gaps=5', '--without-groups')
    expectRefusal(stray, 'partitions-differ', 65, {
      message: /gaps cannot be spread by key: the record at gaps\/\d offset \d+ has a key that the default partitioner puts into partition \d/,
      hint: /its own 2 partitions/,
    })
    const kept = await beside(['orders'], '--rename', '*=six.*', '--repartition', 'orders=6', '--preserve-offsets')
    expectRefusal(kept, 'offsets-not-kept', 66, {
      message: /six.orders: its records are spread over another number of partitions/,
      hint: /translated/,
    })
    expect(await topicsThere()).not.toContain('six.orders')
  })
})

describe('consumer groups of both protocols', () => {
  test('a group of the new protocol (KIP-848) goes on at its record, whether the target knows the group or not', async () => {
    const groupOf = async () => (await admin.listGroups()).groups.map(({ groupId }) => groupId)
    const topics = ['modern', 'modern-2'].map((target) => `${target}.orders`)
    await restored(beside(['orders'], '--rename', '*=modern.*'))
    expect(await nextOf('modern', topics[0] ?? '')).toEqual([9, 9, 9])
    await admin.deleteGroups(['modern'])
    expect(await groupOf()).not.toContain('modern')
    await restored(beside(['orders'], '--rename', '*=modern-2.*'))
    expect(await groupOf()).toContain('modern')
    expect(await nextOf('modern', topics[1] ?? '')).toEqual([9, 9, 9])
  })
})

/** The first offset of each partition that a member of the group gets with the new protocol; it commits nothing. */
async function nextOf(groupId: string, topic: string): Promise<number[]> {
  await using consumer = modernConsumer(groupId)
  const stream = await consumer.consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'fail', autocommit: false, maxWaitTime: 200 })
  const first = new Map<number, number>()
  for await (const { partition, offset } of stream) {
    if (!first.has(partition)) first.set(partition, Number(offset))
    if (first.size === 3) break
  }
  return [0, 1, 2].map((partition) => first.get(partition) ?? -1)
}

function modernConsumer(groupId: string) {
  const consumer = new Consumer({
    groupId,
    clientId: 'modern',
    groupProtocol: 'consumer',
    bootstrapBrokers: stack.config('file:///unused').kafka?.bootstrapServers ?? [],
  })
  return { consumer, [Symbol.asyncDispose]: () => consumer.close(true) }
}

describe('who may do what', () => {
  const everyAcl = {
    resourceType: AclResourceTypes.ANY,
    resourcePatternType: ResourcePatternTypes.ANY,
    operation: AclOperationTypes.ANY,
    permissionType: AclPermissionTypes.ANY,
  }
  const lists = async () => {
    await using client = await connect()
    return { acls: await listAcls(client), quotas: await listQuotas(client) }
  }

  test('ACLs, quotas and SCRAM users are in the backup, without secrets, and shown', async () => {
    const shown = await datapipe('show', id)
    expect(shown.result, told(shown)).toMatchObject({
      kafka: {
        security: {
          acls: { state: 'listed', entries: [acl('LITERAL', 'invoices', 'READ'), acl('PREFIXED', 'shop-', 'ALL')] },
          quotas: {
            state: 'listed',
            entries: expect.arrayContaining([{ entity: [{ type: 'client-id', name: null }], values: { request_percentage: 50.5 } }]) as unknown,
          },
          scramUsers: { state: 'listed', entries: [{ user: 'alice', credentials: [{ mechanism: 'SCRAM-SHA-512', iterations: 8192 }] }] },
        },
      },
    })
    const { stdout } = await runForTest(['--config', join(directory, 'datapipe.yaml'), 'show', id])
    expect(stdout).toMatch(/ACLs +ALLOW User:alice READ TOPIC invoices; ALLOW User:alice ALL TOPIC shop-/)
    expect(stdout).toMatch(/SCRAM users, without their secrets +alice \(SCRAM-SHA-512\)/)
  })

  test('what the target lacks of them is said, and set when asked; users never are', async () => {
    const before = await lists()
    await admin.deleteAcls({ filters: [{ ...everyAcl, resourceName: 'invoices' }] })
    await using client = await connect()
    const gone = [
      { entities: [{ entityType: 'user', entityName: 'alice' }], ops: [{ key: 'producer_byte_rate', remove: true }] },
      { entities: [{ entityType: 'client-id', entityName: null }], ops: [{ key: 'request_percentage', remove: true }] },
    ]
    await client.call(await client.broker(), 'main', [alterClientQuotasV1.api], gone as never, false)
    await client.call(await client.broker(), 'main', [alterUserScramCredentialsV0.api], [{ name: 'alice', mechanism: 2 }] as never, [])

    const told = await restored(datapipe('restore', id, '--only', 'kafka', '--in-place', '--rename', '*=rights.*', '--dry-run'))
    const messages = (result: RestoreResult) => Object.fromEntries(result.findings.map(({ code, message }) => [code, message]))
    expect(messages(told)).toMatchObject({
      'acls-not-restored': 'the target lacks ALLOW User:alice READ on TOPIC invoices: --acls sets them',
      'quotas-not-restored': expect.stringContaining(
        'request_percentage=50.5 of client-id (default); producer_byte_rate=1048576 of user alice',
      ) as string,
      'users-not-restored': expect.stringContaining('alice (SCRAM-SHA-512): a broker tells nobody') as string,
    })
    const result = await restored(beside(['empty'], '--rename', '*=rights.*', '--acls'))
    expect(result.plan.map(({ text }) => text)).toContain('create the ACL ALLOW User:alice READ on TOPIC invoices')
    expect(result.outcomes).toContainEqual(expect.objectContaining({ counts: { acls: 1, quotas: 2 } }))
    expect(Object.keys(messages(result))).toEqual(['users-not-restored'])
    expect(await lists()).toEqual(before)
  })

  test('a cluster that does not let us look is a warning of the backup', async () => {
    await using client = await connect()
    const cluster = { resourceType: 'CLUSTER', principal: 'User:ANONYMOUS' }
    await createAcls(client, [
      acl('LITERAL', 'kafka-cluster', 'ALL', cluster),
      acl('LITERAL', 'kafka-cluster', 'DESCRIBE', { ...cluster, permission: 'DENY' }),
    ])
    try {
      const backup = await datapipe('backup', '--label', 'blind')
      const { findings } = backup.result as { findings: Finding[] }
      expect(
        findings.filter(({ code }) => code === 'security-not-listed').map(({ severity, item }) => [severity, item]),
        told(backup),
      ).toEqual([
        ['warning', 'ACLs'],
        ['warning', 'SCRAM users'],
      ])
    } finally {
      await admin.deleteAcls({ filters: [{ ...everyAcl, principal: 'User:ANONYMOUS' }] })
    }
  })
})
