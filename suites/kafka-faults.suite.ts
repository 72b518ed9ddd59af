import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KafkaConfig } from '../src/base/config.ts'
import { silentContext } from '../src/base/context.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { buildBatch } from '../src/clients/kafka/build-batch.ts'
import { connectKafka } from '../src/clients/kafka/kafka-client.ts'
import { listOffsets } from '../src/clients/kafka/list-offsets.ts'
import { newProducerId } from '../src/clients/kafka/produce-raw.ts'
import type { KafkaRecord } from '../src/clients/kafka/records.ts'
import { createTopic, deleteTopics } from '../src/clients/kafka/topic-admin.ts'
import { openBatchSender } from '../src/components/kafka/batch-sender.ts'
import {
  assembleKafkaPart,
  backupTopics,
  diffKafka,
  freezeTopics,
  kafkaComponent,
  restoreTopics,
  selectTopics,
  verifyKafka,
} from '../src/components/kafka/index.ts'
import { startTcpProxy, type TcpProxy } from '../src/drill/faults/tcp-proxy.ts'
import { createArtifactReader } from '../src/repository/artifact-reader.ts'
import { createBackupWriter } from '../src/repository/write-backup.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { memoryStorage } from '../src/storage/memory.ts'
import { readEverything } from './kafka-reading.ts'

const context = silentContext()
const partitions = [0, 1, 2]

let stack: EmbeddedStack
let config: KafkaConfig
let kafka: Kafka
/** Every connection to a broker passes one of these, those of the brokers to one another as well. */
const proxies: TcpProxy[] = []

beforeAll(async () => {
  stack = await startEmbeddedStack({
    components: ['kafka'],
    brokers: 3,
    // How long the others wait for a dead one before they elect, and before a restarted one is let in: nine seconds as it comes.
    kafkaSettings: { 'broker.session.timeout.ms': '4000', 'broker.heartbeat.interval.ms': '500' },
    context,
    async advertise({ port }) {
      const proxy = await startTcpProxy({ host: '127.0.0.1', port })
      proxies.push(proxy)
      return proxy.port
    },
  })
  const found = stack.config('file:///unused').kafka
  if (found === undefined) throw new Error('the stack has no kafka')
  config = found
  kafka = new Kafka({ brokers: config.bootstrapServers, logLevel: logLevel.NOTHING })
})

afterAll(async () => {
  await stack?.down()
  for (const proxy of proxies) await proxy[Symbol.asyncDispose]()
})

/** A backup of everything, with what the engine says on the way given to `onProgress`. */
async function backUp(onProgress?: () => void, afterFreeze?: () => Promise<void>) {
  const storage = memoryStorage()
  const watched = silentContext({ emit: ({ type }) => (type === 'progress' ? onProgress?.() : undefined) })
  const writer = await createBackupWriter({ storage, context, id: '20250101T000001Z-0001' })
  const topics = await selectTopics(config, watched)
  const frozen = await freezeTopics(config, topics, watched)
  await afterFreeze?.()
  const result = await backupTopics({ config, topics, frozen, writer: writer.component('kafka'), context: watched })
  const part = assembleKafkaPart(result, [])
  return { part, reader: createArtifactReader(storage, writer.artifacts()), findings: [...frozen.findings, ...result.findings] }
}

async function restore({ part, reader }: Awaited<ReturnType<typeof backUp>>, onProgress?: () => void) {
  const watched = silentContext({ emit: ({ type }) => (type === 'progress' ? onProgress?.() : undefined) })
  return restoreTopics({ part, reader, config, topics: part.topics.map(({ name }) => name), context: watched })
}

async function wipe() {
  await kafkaComponent.wipe(config, context)
}

/** A topic with three replicas, and batches of these records in its partition 0. */
async function store(topic: string, batches: Omit<KafkaRecord, 'offset'>[][], configs: Record<string, string> = {}) {
  await using client = await connectKafka(config, context)
  // The records are old: half a minute after its start a broker would begin to delete them.
  await createTopic(client, { name: topic, partitions: 1, replicationFactor: 3, configs: { 'retention.ms': '-1', ...configs } })
  await listOffsets(client, new Map([[topic, [0]]]), 'latest')
  const sender = openBatchSender({ client, lane: topic, topic, partition: 0, producer: await newProducerId(client), startOffset: 0n })
  let offset = 0n
  for (const records of batches) {
    const numbered = records.map((record, index) => ({ ...record, offset: offset + BigInt(index) }))
    await sender.send(buildBatch({ baseOffset: offset, records: numbered }), numbered.length)
    offset += BigInt(records.length)
  }
  await sender.flush()
}

const record = (value: Buffer | null, timestamp = 1_700_000_000_000n, key: Buffer | null = null, headers: KafkaRecord['headers'] = []) => ({
  timestamp,
  key,
  value,
  headers,
})

describe('shapes of batches and names', () => {
  const longest = 'n'.repeat(249)
  const topics = ['ages', 'a.b', 'largest', longest, 'odd', 'singles', 'ten-thousand']
  let largest: Buffer

  beforeAll(async () => {
    const day = 86_400_000n
    const now = BigInt(Date.now())
    // 24.8 days is where a timestamp delta of 32 bits would end.
    const ages = [now, now - 25n * day, 0n, -1n, now - 400n * day, now - 25n * day + 1n]
    await store('ages', [ages.map((timestamp) => record(Buffer.from(String(timestamp)), timestamp))])
    await store('a.b', [[record(Buffer.from('with a dot'))]])
    await store('aXb', [[record(Buffer.from('with an X'))]])
    await store(longest, [[record(Buffer.from('a name of 249 characters'))]])
    const sized = (bytes: number) => buildBatch({ baseOffset: 0n, records: [{ ...record(Buffer.alloc(bytes, 7)), offset: 0n }] })
    const limit = 1_048_588
    const room = limit - (sized(1_000_000).length - 1_000_000)
    largest = sized(room)
    await store('largest', [[record(Buffer.alloc(room, 7))]], { 'max.message.bytes': String(limit) })
    const [empty, one] = [Buffer.alloc(0), Buffer.from([255])]
    const sides = [null, empty, one]
    const headers = [
      { key: one, value: null },
      { key: Buffer.from('twice'), value: empty },
      { key: Buffer.from('twice'), value: one },
      { key: empty, value: one },
    ]
    await store('odd', [sides.flatMap((key) => sides.map((value) => record(value, 5n, key, headers)))])
    await store('ten-thousand', [[...Array(10_000).keys()].map((n) => record(Buffer.from(`${n}`), 1_700_000_000_000n + BigInt(n)))])
    await store(
      'singles',
      [...Array(400).keys()].map((n) => [record(Buffer.from(`${n}`), 1_700_000_000_000n - BigInt(n), Buffer.from('k'), headers)]),
    )
  })

  test('a batch is as large as the topic allows, to the byte', () => {
    expect(largest.length).toBe(1_048_588)
  })

  test('a dot in a name is a dot, not any character', async () => {
    const selected = await selectTopics({ ...config, topics: { include: ['a.b'], exclude: [] } }, context)
    expect(selected.map(({ name }) => name)).toEqual(['a.b'])
  })

  test('backed up, wiped and restored, every record is what it was, for a reader that shares no code with the engine', async () => {
    const before = await readEverything(kafka, topics)
    expect(before['ages/0']?.map(({ timestamp }) => timestamp).slice(2, 4)).toEqual(['0', '-1'])
    expect(before['ten-thousand/0']?.length).toBe(10_000)
    const backup = await backUp()
    expect(backup.findings).toEqual([])
    expect(await verifyKafka(backup.part, backup.reader, context)).toEqual([])
    await wipe()
    await restore(backup)
    expect(await diffKafka({ kind: 'backup', ...backup }, { kind: 'live', config }, context)).toEqual([])
    expect(await readEverything(kafka, topics)).toEqual(before)
  })
})

describe('faults while a backup reads, and while a restore writes', () => {
  let before: Awaited<ReturnType<typeof readEverything>>

  beforeAll(async () => {
    await wipe()
    await using client = await connectKafka(config, context)
    await createTopic(client, { name: 'big', partitions: 3, replicationFactor: 3, configs: { 'min.insync.replicas': '2' } })
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await listOffsets(client, new Map([['big', partitions]]), 'latest')
    await producer.connect()
    for (let round = 0; round < 24; round++) {
      for (const partition of partitions) {
        const messages = [...Array(100).keys()].map((n) => ({ partition, key: `${n}`, value: `${round} ${n} `.repeat(300) }))
        await producer.send({ topic: 'big', messages })
      }
    }
    await producer.disconnect()
    before = await readEverything(kafka, ['big'])
  })

  /** What is done once, in the middle of the work: when the second piece of it is told. */
  function once(work: () => Promise<unknown>) {
    let done: Promise<unknown> | undefined
    let told = 0
    return {
      onProgress: () => {
        if (++told === 2) done = work()
      },
      async ended() {
        if (done === undefined) throw new Error(`the work told of ${told} pieces alone: the fault never came`)
        await done
      },
    }
  }

  async function expectWhole(backup: Awaited<ReturnType<typeof backUp>>) {
    expect(backup.findings).toEqual([])
    expect(await verifyKafka(backup.part, backup.reader, context)).toEqual([])
    expect(await diffKafka({ kind: 'backup', ...backup }, { kind: 'live', config }, context)).toEqual([])
  }

  async function expectRestored() {
    expect(await readEverything(kafka, ['big'])).toEqual(before)
  }

  /** The broker that leads partition 0: never the same for all three partitions. */
  async function leader(): Promise<number> {
    const admin = kafka.admin()
    await admin.connect()
    const { topics } = await admin.fetchTopicMetadata({ topics: ['big'] })
    await admin.disconnect()
    return topics[0]?.partitions.find(({ partitionId }) => partitionId === 0)?.leader ?? 1
  }

  async function allInSync() {
    await waitUntil(
      async () => {
        const admin = kafka.admin()
        await admin.connect()
        const { topics } = await admin.fetchTopicMetadata({ topics: ['big'] })
        await admin.disconnect()
        return topics[0]?.partitions.every(({ isr }) => isr.length === 3) ?? false
      },
      { what: 'all replicas to be in sync', timeoutMs: 180_000, lastWords: () => stack.lastLog('kafka') },
    )
  }

  test('a leader that is killed in the middle of a backup: another one is asked, nothing is missing', async () => {
    const killed = await leader()
    const fault = once(() => stack.stopBroker(killed, 'SIGKILL'))
    const backup = await backUp(fault.onProgress)
    await fault.ended()
    await expectWhole(backup)
    await stack.startBroker(killed)
    await allInSync()
  })

  test('connections that end in the middle of an answer, again and again: what was whole is kept, the rest is asked for again', async () => {
    let cuts = 0
    const accepted = proxies.reduce((sum, proxy) => sum + proxy.accepted, 0)
    const backup = await backUp(() => {
      if (cuts++ < 20) for (const proxy of proxies) proxy.cutAfter(10_000)
    })
    expect(cuts).toBeGreaterThan(1)
    expect(proxies.reduce((sum, proxy) => sum + proxy.accepted, 0)).toBeGreaterThan(accepted)
    await expectWhole(backup)
  })

  test('brokers that fall silent and come back: the backup waits, and goes on', async () => {
    const fault = once(async () => {
      for (const proxy of proxies) proxy.freeze()
      let last = -1
      const still = () => {
        const seen = last
        last = proxies.reduce((sum, { received }) => sum + received, 0)
        return last === seen
      }
      await waitUntil(still, { what: 'everything to stand still', everyMs: 500, timeoutMs: 60_000 })
      for (const proxy of proxies) proxy.thaw()
    })
    const backup = await backUp(fault.onProgress)
    await fault.ended()
    await expectWhole(backup)
    await allInSync()
  })

  test('a leader that is killed, and connections that are lost, in the middle of a restore: nothing twice, nothing missing', async () => {
    const backup = await backUp()
    await wipe()
    let killed: number | undefined
    const fault = once(async () => {
      killed = await leader()
      await stack.stopBroker(killed, 'SIGKILL')
      for (const proxy of proxies) proxy.reset()
    })
    await restore(backup, () => {
      fault.onProgress()
      for (const proxy of proxies) proxy.cutAfter(2_000)
    })
    await fault.ended()
    if (killed !== undefined) await stack.startBroker(killed)
    await allInSync()
    // Read when all brokers are back: kafkajs waits for minutes where the dead one led its group.
    await expectRestored()
    await expectWhole(backup)
  })

  test.each([
    ['empty', 0],
    ['refilled beyond the ends that were frozen', 5000],
  ])('a topic that is made anew under its name before it is read, %s: told for every partition, and not taken for the same', async (_, count) => {
    const backup = await backUp(undefined, async () => {
      await using client = await connectKafka(config, context)
      await deleteTopics(client, ['big'])
      await client.retrying(() => createTopic(client, { name: 'big', partitions: 3, replicationFactor: 3, configs: {} }))
      if (count === 0) return
      const producer = kafka.producer()
      await producer.connect()
      const messages = partitions.flatMap((partition) => Array.from({ length: count }, (_item, n) => ({ partition, key: 'new', value: `${n}` })))
      await producer.send({ topic: 'big', messages })
      await producer.disconnect()
    })
    const told = backup.findings.filter(({ severity, code }) => severity === 'harm' && code === 'topic-gone')
    expect(told.map(({ item }) => item).sort()).toEqual(partitions.map((partition) => `big/${partition}`))
    expect(await verifyKafka(backup.part, backup.reader, context)).toEqual([])
  })
})
