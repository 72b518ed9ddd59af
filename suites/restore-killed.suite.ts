import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CompressionTypes, Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { silentContext } from '../src/base/context.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { resultOf, startDatapipe, told } from './cli.ts'
import { at, expectRefusal, expectSuccess } from './cli-outcomes.ts'
import { readEverything } from './kafka-reading.ts'

/** A restore of topics that is killed (SIGKILL) in the middle of the load, as people type it, and typed again. */
const topics = ['large', 'small']
const partitions = [0, 1, 2]
let stack: EmbeddedStack
let kafka: Kafka
let directory: string
let file: string
let before: Awaited<ReturnType<typeof readEverything>>

beforeAll(async () => {
  stack = await startEmbeddedStack({ components: ['kafka'], context: silentContext() })
  directory = await mkdtemp(join(tmpdir(), 'datapipe-restore-killed-'))
  file = join(directory, 'datapipe.yaml')
  const { kafka: section } = stack.config('file:///unused')
  await writeFile(file, stringify({ repository: { url: pathToFileURL(join(directory, 'repository')).href }, kafka: section }))
  kafka = new Kafka({ brokers: section?.bootstrapServers ?? [], logLevel: logLevel.NOTHING })
  await fill()
  before = await readEverything(kafka, topics)
  await expectSuccess(at(file, 'backup'))
})

afterAll(async () => {
  await stack?.down()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

/** Batches of every size: single ones, which a restore merges, and large ones with and without a codec, which go as they are. */
async function fill(): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: topics.map((topic) => ({ topic, numPartitions: 3, replicationFactor: 1 })) })
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const padding = 'x'.repeat(900)
  const send = (topic: string, from: number, count: number, compression: CompressionTypes) => {
    const of = (partition: number) =>
      [...Array(count).keys()].map((n) => ({ partition, key: `${from + n}`, value: `${from + n} ${padding}`, headers: { n: `${n}` } }))
    return producer.send({ topic, messages: partitions.flatMap(of), compression })
  }
  for (let n = 0; n < 40; n++) await send('small', n, 1, CompressionTypes.None)
  for (let round = 0; round < 40; round++) {
    await send('large', round * 500, 400, CompressionTypes.None)
    await send('large', round * 500 + 400, 95, CompressionTypes.GZIP)
    for (let n = 0; n < 5; n++) await send('large', round * 500 + 495 + n, 1, CompressionTypes.None)
  }
  await producer.disconnect()
  await admin.setOffsets({ groupId: 'billing', topic: 'large', partitions: partitions.map((partition) => ({ partition, offset: '19000' })) })
  await admin.disconnect()
}

const restoring = ['restore', 'latest', '--in-place']

async function wiped(): Promise<void> {
  const { identity } = resultOf<{ identity: string }>(await expectSuccess(at(file, 'wipe', '--dry-run')))
  await expectSuccess(at(file, 'wipe', '--yes', identity))
}

/** Gives the ends that the partitions of the topic had then. */
async function killedInTheMiddle(): Promise<number[]> {
  using running = startDatapipe(['--json', '--config', file, ...restoring])
  await running.event((event) => event.type === 'progress' && event.task === 'kafka restore' && event.done > 0)
  running.kill('SIGKILL')
  expect((await running.ended).exitCode).toBe(-1)
  const ends = await endsOf('large')
  expect(ends.some((end) => end > 0)).toBe(true)
  expect(ends.some((end) => end < 20_000)).toBe(true)
  return ends
}

async function endsOf(topic: string): Promise<number[]> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return (await admin.fetchTopicOffsets(topic)).sort((a, b) => a.partition - b.partition).map(({ high }) => Number(high))
  } finally {
    await admin.disconnect()
  }
}

test('what a killed restore has left, and somebody has written to, is refused', async () => {
  await wiped()
  await killedInTheMiddle()
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'large', messages: [{ partition: 1, key: 'stranger', value: 'stranger' }] })
  await producer.disconnect()
  const ends = await endsOf('large')
  expectRefusal(await at(file, ...restoring), 40, 'target-not-empty', /topic large has records/)
  expect(await endsOf('large')).toEqual(ends)
})

test('a load that ended inside of what would be one batch now is gone on with there', async () => {
  await wiped()
  const loading = {
    'cleanup.policy': 'delete',
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'message.timestamp.type': 'CreateTime',
    'message.timestamp.before.max.ms': '9223372036854775807',
    'message.timestamp.after.max.ms': '9223372036854775807',
    'max.message.bytes': '104857600',
    'compression.type': 'producer',
  }
  const configEntries = Object.entries(loading).map(([name, value]) => ({ name, value }))
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: 'small', numPartitions: 3, replicationFactor: 1, configEntries }] })
  await admin.disconnect()
  const bytes = (hex: string | null) => (hex === null ? null : Buffer.from(hex, 'hex'))
  const first = (before['small/1'] ?? []).slice(0, 7).map(({ key, value, timestamp, headers }) => ({
    partition: 1,
    key: bytes(key),
    value: bytes(value),
    timestamp,
    headers: Object.fromEntries(headers.map(([name, values]) => [name, values.map((each) => Buffer.from(each, 'hex'))])),
  }))
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'small', messages: first })
  await producer.disconnect()
  const { plan } = resultOf<{ plan: { text: string }[] }>(await expectSuccess(at(file, ...restoring)))
  expect(plan.map(({ text }) => text)).toContainEqual(expect.stringMatching(/^go on with topic small: it holds the first 7 of 120 records/))
  expect(await endsOf('small')).toEqual([40, 40, 40])
  expect(await readEverything(kafka, topics)).toEqual(before)
})

test('typed again it goes on at the end of each partition: nothing twice, nothing missing, groups in their places', async () => {
  await wiped()
  const ends = await killedInTheMiddle()
  const dry = await expectSuccess(at(file, ...restoring, '--dry-run'))
  const total = ends.reduce((sum, end) => sum + end, 0)
  expect(resultOf<{ plan: { text: string }[] }>(dry).plan.map(({ text }) => text)).toContainEqual(
    `go on with topic large: it holds the first ${total} of 60000 records, as a restore that was killed leaves them`,
  )
  const run = await expectSuccess(at(file, ...restoring))
  expect(await endsOf('large'), told(run)).toEqual([20_000, 20_000, 20_000])
  expect(await readEverything(kafka, topics)).toEqual(before)
  const admin = kafka.admin()
  await admin.connect()
  const [billing] = await admin.fetchOffsets({ groupId: 'billing', topics: ['large'] })
  await admin.disconnect()
  expect(billing?.partitions.map(({ offset }) => offset)).toEqual(['19000', '19000', '19000'])
  // Its own configuration is back: what was restored whole is no topic to go on with.
  expectRefusal(await at(file, ...restoring), 40, 'target-not-empty', /topic large has records/)
})
