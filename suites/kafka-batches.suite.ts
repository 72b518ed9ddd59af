import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import kafkajs, { Kafka, logLevel, type Message } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KafkaConfig } from '../src/base/config.ts'
import { silentContext } from '../src/base/context.ts'
import { fetchRaw } from '../src/clients/kafka/fetch-raw.ts'
import { connectKafka } from '../src/clients/kafka/kafka-client.ts'
import { type RawBatch, splitBatches } from '../src/clients/kafka/read-batches.ts'
import { checkBatchCrc, isDense } from '../src/clients/kafka/record-batch.ts'
import {
  assembleKafkaPart,
  backupTopics,
  diffKafka,
  freezeTopics,
  inventorySecurity,
  kafkaComponent,
  planSecurity,
  restoreTopics,
  selectTopics,
  verifyKafka,
} from '../src/components/kafka/index.ts'
import type { KafkaPart } from '../src/components/kafka/part.ts'
import { createArtifactReader } from '../src/repository/artifact-reader.ts'
import { createBackupWriter } from '../src/repository/write-backup.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { readState } from '../src/stack/embedded/state.ts'
import { memoryStorage } from '../src/storage/memory.ts'
import { readEverything } from './kafka-reading.ts'
import { readerOver } from './spoiled-kafka.ts'

const context = silentContext()
const topics = ['narrow', 'quiet', 'transacted', 'wide']
/** What the topic `narrow` allows: a merged batch above it would stop the log cleaner of a compacted topic. */
const narrowBytes = 4000
/** What the broker allows a topic that says nothing: less than a full batch. */
const brokerBytes = 20_000

let stack: EmbeddedStack
let config: KafkaConfig
let kafka: Kafka

beforeAll(async () => {
  stack = await startEmbeddedStack({ components: ['kafka'], kafkaSettings: { 'message.max.bytes': String(brokerBytes) }, context })
  const found = stack.config('file:///unused').kafka
  if (found === undefined) throw new Error('the stack has no kafka')
  config = found
  kafka = new Kafka({ brokers: config.bootstrapServers, logLevel: logLevel.NOTHING })
  await fill()
})

afterAll(async () => {
  await stack?.down()
})

/** Topics as a quiet change capture writes them: a batch for every record. */
async function fill(): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  const make = (topic: string, numPartitions: number, configs: Record<string, string> = {}) => ({
    topic,
    numPartitions,
    replicationFactor: 1,
    configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
  })
  await admin.createTopics({
    waitForLeaders: true,
    topics: [make('quiet', 2), make('narrow', 1, { 'max.message.bytes': String(narrowBytes) }), make('transacted', 1), make('wide', 1)],
  })
  await admin.disconnect()
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  for (let n = 0; n < 400; n++) {
    const messages = [{ ...odd(n), partition: n % 2 }]
    // Some of them compressed: runs of two codecs by turns.
    await producer.send({ topic: 'quiet', messages, compression: n % 100 < 20 ? kafkajs.CompressionTypes.GZIP : kafkajs.CompressionTypes.None })
    if (n >= 100) continue
    await producer.send({ topic: 'narrow', messages: [{ partition: 0, key: `${n}`, value: 'x'.repeat(n * 7) }] })
    await producer.send({ topic: 'wide', messages: [{ partition: 0, key: `${n}`, value: 'x'.repeat(n * 40) }] })
  }
  await producer.disconnect()
  const transactional = kafka.producer({ transactionalId: 'batches', idempotent: true, maxInFlightRequests: 1 })
  await transactional.connect()
  for (let round = 0; round < 6; round++) {
    const transaction = await transactional.transaction()
    for (let n = 0; n < 5; n++) await transaction.send({ topic: 'transacted', messages: [{ partition: 0, key: `${round}`, value: `${n}` }] })
    await (round % 3 === 1 ? transaction.abort() : transaction.commit())
  }
  await transactional.disconnect()
}

function odd(n: number): Message {
  return [
    { key: null, value: `keyless ${n}` },
    { key: Buffer.alloc(0), value: Buffer.alloc(0) },
    { key: Buffer.from([n & 255]), value: null },
    { key: 'h', value: `${n}`, headers: { same: ['one', 'two', ''], empty: '', имя: Buffer.from([0, 255]) } },
    { key: 'far', value: 'future', timestamp: String(1_600_000_000_000 + n * 2 * 86_400_000) },
    { key: 'old', value: 'past', timestamp: String(n) },
  ][n % 6] as Message
}

async function backUp(storeCompression: KafkaConfig['storeCompression']) {
  const from = { ...config, storeCompression }
  const storage = memoryStorage()
  const writer = await createBackupWriter({ storage, context, id: '20250101T000001Z-0001' })
  const selected = await selectTopics(from, context)
  const frozen = await freezeTopics(from, selected, context)
  const backedUp = await backupTopics({ config: from, topics: selected, frozen, writer: writer.component('kafka'), context })
  expect(backedUp.findings).toEqual([])
  return { part: assembleKafkaPart(backedUp, []), reader: createArtifactReader(storage, writer.artifacts()) }
}

/** Everything that the broker has of a partition. */
async function batchesOf(topic: string, partition: number): Promise<RawBatch[]> {
  await using client = await connectKafka(config, context)
  const broker = await client.leaderOf(topic, partition)
  const { records } = await fetchRaw(client, broker, 'look', { topic, partition, offset: 0n, maxBytes: 8 << 20, isolation: 0, maxWaitMs: 100 })
  return splitBatches(records).batches
}

/** What Kafka's own tool says of the log segments of a partition, every record read. */
async function dumpLog(partition: string): Promise<string> {
  const state = await readState(stack.directory)
  const directory = join(stack.directory, 'kafka', 'data', partition)
  const files = (await readdir(directory)).filter((name) => name.endsWith('.log')).map((name) => join(directory, name))
  const { stdout } = await promisify(execFile)(
    state?.programs.java ?? 'java',
    [
      '-Xmx128m',
      '-cp',
      join(state?.jars ?? '', 'kafka', '*'),
      'org.apache.kafka.tools.DumpLogSegments',
      '--deep-iteration',
      '--files',
      files.join(','),
    ],
    { maxBuffer: 64 << 20 },
  )
  return stdout
}

describe('batches of one record, stored and restored', () => {
  let before: Awaited<ReturnType<typeof readEverything>>

  beforeAll(async () => {
    before = await readEverything(kafka, topics)
    expect((await batchesOf('quiet', 0)).length).toBe(200)
    const { part, reader } = await backUp('none')
    await kafkaComponent.wipe(config, context)
    const { findings } = await restoreTopics({ part, reader, config, topics, context })
    expect(findings.filter(({ severity }) => severity === 'harm')).toEqual([])
    expect(await diffKafka({ kind: 'backup', part, reader }, { kind: 'live', config }, context)).toEqual([])
  })

  test('come back in a few full batches of their codecs, and kafkajs reads the same records', async () => {
    expect(await readEverything(kafka, topics)).toEqual(before)
    const batches = await batchesOf('quiet', 0)
    for (const { bytes, header } of batches) {
      checkBatchCrc(bytes, header)
      expect(isDense(header)).toBe(true)
    }
    // Gzip and none by turns, four times each.
    expect(batches.map(({ header }) => header.codec)).toEqual(['gzip', 'none', 'gzip', 'none', 'gzip', 'none', 'gzip', 'none'])
  })

  test.each([
    ['narrow', narrowBytes],
    ['wide', brokerBytes],
  ])('never in a batch that is larger than the topic, or the broker, allows: %s', async (topic, limit) => {
    const batches = await batchesOf(topic, 0)
    expect(batches.length).toBeLessThan(50)
    expect(Math.max(...batches.map(({ header }) => header.size))).toBeLessThanOrEqual(limit)
  })

  test('a transaction stays apart from the next one, and an aborted one stays out', async () => {
    const batches = await batchesOf('transacted', 0)
    expect(batches.map(({ header }) => header.recordCount)).toEqual([5, 5, 5, 5])
  })

  test.each(['quiet-0', 'quiet-1', 'narrow-0', 'transacted-0'])('Kafka’s own tool finds every batch and record of %s valid', async (partition) => {
    const dump = await dumpLog(partition)
    expect(dump).toContain('isvalid: true')
    expect(dump).not.toMatch(/isvalid: false|corrupt|Found \d+ invalid|Exception/i)
    const offsets = [...dump.matchAll(/^\| offset: (\d+)/gm)].map(([, offset]) => Number(offset))
    expect(offsets).toEqual([...offsets.keys()])
  })
})

describe('batches stored with zstd', () => {
  test('are fewer bytes, verify, and come back the same; a changed byte is found by name', async () => {
    const before = await readEverything(kafka, topics)
    const plain = await backUp('none')
    const { part, reader } = await backUp('zstd')
    expect(reader.artifacts.filter(({ path }) => path.includes('/topics/')).every(({ path }) => path.endsWith('.batches.zst'))).toBe(true)
    const sizeOf = (found: typeof reader) => found.artifacts.reduce((sum, { bytes }) => sum + bytes, 0)
    expect(sizeOf(reader)).toBeLessThan(sizeOf(plain.reader))
    expect(await verifyKafka(part, reader, context)).toEqual([])
    expect(await diffKafka({ kind: 'backup', part, reader }, { kind: 'backup', ...plain }, context)).toEqual([])
    for (const artifact of reader.artifacts.filter(({ path }) => path.endsWith('.batches.zst'))) {
      const bytes = await reader.readAll(artifact)
      const at = bytes.length >> 1
      bytes[at] = (bytes[at] ?? 0) ^ 1
      const findings = await verifyKafka(part, { ...reader, ...readerOver(reader, artifact.path, bytes) }, context)
      expect(findings).toHaveLength(1)
      expect(findings[0]).toMatchObject({
        code: 'artifact-damaged',
        item: artifact.path,
        message: expect.stringMatching(/^[a-z]+\/\d, offsets \d+ to \d+: /),
      })
    }
    await kafkaComponent.wipe(config, context)
    await restoreTopics({ part, reader, config, topics, context })
    expect(await readEverything(kafka, topics)).toEqual(before)
  })
})

test('a cluster without an authorizer says so, and takes no ACLs', async () => {
  const { part: security, findings } = await inventorySecurity(config, context)
  expect(findings).toEqual([])
  expect(security).toMatchObject({
    acls: { state: 'no-authorizer', entries: [] },
    quotas: { state: 'listed' },
    scramUsers: { state: 'listed', entries: [] },
  })
  const acl = {
    resourceType: 'TOPIC',
    resourceName: 'a',
    patternType: 'LITERAL',
    principal: 'User:a',
    host: '*',
    operation: 'READ',
    permission: 'ALLOW',
  }
  const part = { security: { ...security, acls: { state: 'listed', entries: [acl] } } } as KafkaPart
  await expect(planSecurity({ part, config, context, restore: true })).rejects.toMatchObject({
    code: 'not-supported',
    exitCode: 57,
    hint: expect.stringContaining('without --acls') as string,
  })
  expect((await planSecurity({ part, config, context, restore: false })).findings.map(({ code }) => code)).toEqual(['acls-not-restored'])
})
