import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { alterUserScramCredentialsV0, type API, Connection, Consumer } from '@platformatic/kafka'
import { type Admin, Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { expect } from 'vitest'
import { silentContext } from '../src/base/context.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import type { DatapipeEvent } from '../src/base/events.ts'
import type { Finding } from '../src/base/finding.ts'
import { runForTest } from '../src/cli/test-cli.ts'
import { connectKafka } from '../src/clients/kafka/kafka-client.ts'
import { type AclEntry, createAcls, setQuotas } from '../src/clients/kafka/security-admin.ts'
import { deleteRecords } from '../src/clients/kafka/topic-admin.ts'
import type { RestoreResult } from '../src/commands/restore.ts'
import type { KafkaPartJson } from '../src/components/kafka/part.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'

/** What a restore of topics may do otherwise than "as it was", each beside the originals on one broker, by the command line. */
export let stack: EmbeddedStack
export let kafka: Kafka
export let admin: Admin
export let directory: string
export let id: string

/** One broker with every kind of topic, and a backup of it. */
export async function startCluster(): Promise<void> {
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
}

export async function stopCluster(): Promise<void> {
  await admin?.disconnect()
  await stack?.down()
  await rm(directory, { recursive: true, force: true })
}

/** Long ago and evenly spaced, so that a time range can be told by hand. */
export const firstTime = 1_600_000_000_000

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
      // Its records are old: half a minute after its start a broker would begin to delete them.
      make('gaps', 2, { 'retention.ms': '-1' }),
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
  await byDriver(alterUserScramCredentialsV0.api, [], [credential] as never)
}

/** One request that the engine never makes. */
export async function byDriver<Args extends unknown[], Answer>(api: API<Args, Answer>, ...args: Args): Promise<Answer> {
  const [host = '', port = ''] = (stack.config('file:///unused').kafka?.bootstrapServers[0] ?? '').split(':')
  const connection = new Connection('suite')
  await connection.connect(host, Number(port))
  try {
    return await api.async(connection, ...args)
  } finally {
    await connection.close()
  }
}

export const acl = (patternType: string, resourceName: string, operation: string, more: Partial<AclEntry> = {}): AclEntry => ({
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
export async function deleteUpTo(topic: string, partition: number, offset: bigint): Promise<void> {
  await using client = await connect()
  await deleteRecords(client, topic, partition, offset)
}

export async function connect() {
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
export async function readAll(topics: string[], readUncommitted = false): Promise<Record<string, string[]>> {
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

export interface Run {
  exitCode: number
  stdout: string
  result: unknown
  error: (DatapipeEvent & { type: 'error' }) | undefined
}

export async function datapipe(...args: string[]): Promise<Run> {
  const { exitCode, stdout } = await runForTest(['--config', join(directory, 'datapipe.yaml'), '--json', ...args])
  const events = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as DatapipeEvent]))
  const last = events.at(-1)
  return { exitCode, stdout, result: last?.type === 'result' ? last.result : undefined, error: last?.type === 'error' ? last : undefined }
}

export const told = ({ exitCode, stdout }: Run) => `exit ${exitCode}: ${stdout.slice(-3000)}`

/** A restore beside the originals. */
export const beside = (topics: string[], ...args: string[]) => datapipe('restore', id, '--only', 'kafka', '--in-place', '--topic', ...topics, ...args)

export async function restored(run: Promise<Run>): Promise<RestoreResult> {
  const done = await run
  expect(done.exitCode, told(done)).toBe(0)
  return done.result as RestoreResult
}

export function expectRefusal(run: Run, code: string, exitCode: number, words: { message: RegExp; hint: RegExp }): void {
  expect(run.error, told(run)).toMatchObject({
    code,
    exitCode,
    message: expect.stringMatching(words.message) as string,
    hint: expect.stringMatching(words.hint) as string,
  })
  expect(run.exitCode).toBe(exitCode)
}

export const topicsThere = async () => (await admin.listTopics()).filter((name) => !name.startsWith('__')).sort()
export const findingsOf = (result: RestoreResult, code: string): Finding[] => result.findings.filter((finding) => finding.code === code)

/** The backup as another cluster would have written it: its manifest changed, with a checksum that fits. */
export async function changeKafkaPart<T>(change: (part: KafkaPartJson) => void, work: () => Promise<T>): Promise<T> {
  const file = join(directory, 'repository', 'backups', id, 'manifest.json')
  const write = async (text: string) => {
    await writeFile(file, text)
    await writeFile(`${file}.sha256`, `${createHash('sha256').update(text).digest('hex')}  manifest.json\n`)
  }
  const before = await readFile(file, 'utf8')
  const manifest = JSON.parse(before) as { components: { kafka: KafkaPartJson }; recoveryPoint: { kafka: { endOffsets: object } } }
  change(manifest.components.kafka)
  // A restore reads no further than the point says.
  manifest.recoveryPoint.kafka.endOffsets = Object.fromEntries(
    manifest.components.kafka.topics.map(({ name, partitions }) => [
      name,
      Object.fromEntries(partitions.map(({ partition, endOffset }) => [String(partition), endOffset])),
    ]),
  )
  await write(JSON.stringify(manifest))
  try {
    return await work()
  } finally {
    await write(before)
  }
}

export const topicOf = (part: KafkaPartJson, name: string) => part.topics.find((topic) => topic.name === name) as KafkaPartJson['topics'][number]

export async function ownConfigs(topic: string): Promise<Record<string, string>> {
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: topic }] })
  const entries = resources[0]?.configEntries as unknown as { configName: string; configValue: string; configSource: number }[]
  return Object.fromEntries(entries.filter(({ configSource }) => configSource === 1).map(({ configName, configValue }) => [configName, configValue]))
}

export function modernConsumer(groupId: string) {
  const consumer = new Consumer({
    groupId,
    clientId: 'modern',
    groupProtocol: 'consumer',
    bootstrapBrokers: stack.config('file:///unused').kafka?.bootstrapServers ?? [],
  })
  return { consumer, [Symbol.asyncDispose]: () => consumer.close(true) }
}
