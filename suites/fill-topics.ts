import { readFileSync } from 'node:fs'
import { CompressionTypes, type Kafka, type Producer } from 'kafkajs'
import type { KafkaConfig } from '../src/base/config.ts'
import { silentContext } from '../src/base/context.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { fetchRaw } from '../src/clients/kafka/fetch-raw.ts'
import { commitOffsets } from '../src/clients/kafka/group-admin.ts'
import { connectKafka } from '../src/clients/kafka/kafka-client.ts'
import { newProducerId } from '../src/clients/kafka/produce-raw.ts'
import { splitBatches } from '../src/clients/kafka/read-batches.ts'
import { isDense } from '../src/clients/kafka/record-batch.ts'
import { deleteRecords } from '../src/clients/kafka/topic-admin.ts'
import { openBatchSender } from '../src/components/kafka/batch-sender.ts'

const context = silentContext()

/** Topics of every kind that a backup meets, and groups on them, on an empty broker. */
export async function fillTopics(kafka: Kafka, config: KafkaConfig): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  const entries = (configs: Record<string, string>) => Object.entries(configs).map(([name, value]) => ({ name, value }))
  const make = (topic: string, numPartitions: number, configs: Record<string, string> = {}) => ({
    topic,
    numPartitions,
    replicationFactor: 1,
    configEntries: entries(configs),
  })
  await admin.createTopics({
    waitForLeaders: true,
    topics: [
      make('plain', 3),
      make('gzipped', 2, { 'retention.ms': '-1', 'max.message.bytes': '2000000' }),
      // Captured records of a fixed day: with the default retention the broker would delete them one day.
      make('codecs', 1, { 'compression.type': 'producer', 'retention.ms': '-1' }),
      make('transactions', 2, { 'min.insync.replicas': '1' }),
      make('compacted', 1, {
        'cleanup.policy': 'compact',
        'segment.ms': '500',
        'segment.bytes': '1048576',
        'min.cleanable.dirty.ratio': '0.001',
        'max.compaction.lag.ms': '500',
      }),
      make('deleted', 1),
      make('empty', 4, { 'retention.bytes': '123456789' }),
      make('appended', 1, { 'message.timestamp.type': 'LogAppendTime' }),
    ],
  })
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  await fillPlain(producer)
  await producer.send({
    topic: 'gzipped',
    compression: CompressionTypes.GZIP,
    messages: [...Array(500).keys()].map((n) => ({
      partition: n % 2,
      key: `k${n}`,
      value: `old ${n}`.repeat(9),
      timestamp: String(1_600_000_000_000 + n),
    })),
  })
  for (let n = 0; n < 40; n += 4) {
    await producer.send({
      topic: 'appended',
      messages: [0, 1, 2, 3].map((i) => ({ key: `${n + i}`, value: 'x', timestamp: String(1_500_000_000_000 + i) })),
    })
  }
  await producer.send({ topic: 'deleted', messages: [...Array(100).keys()].map((n) => ({ partition: 0, key: `${n}`, value: `${n}` })) })
  await fillTransactions(kafka)
  await fillCodecs(config)
  await fillCompacted(producer, config)
  await producer.disconnect()
  await using client = await connectKafka(config, context)
  await deleteRecords(client, 'deleted', 0, 37n)
  // kafkajs drops the metadata text.
  await commitOffsets(
    client,
    'at-the-end',
    [0, 1, 2].map((partition) => ({ topic: 'plain', partition, offset: 30n, metadata: 'end of plain' })),
  )
  await admin.setOffsets({ groupId: 'behind', topic: 'plain', partitions: [0, 1, 2].map((partition) => ({ partition, offset: '4' })) })
  await admin.setOffsets({ groupId: 'behind', topic: 'deleted', partitions: [{ partition: 0, offset: '50' }] })
  await admin.setOffsets({
    groupId: 'in-transactions',
    topic: 'transactions',
    partitions: [
      { partition: 0, offset: '5' },
      { partition: 1, offset: '17' },
    ],
  })
  await admin.disconnect()
}

async function fillPlain(producer: Producer): Promise<void> {
  const odd = (n: number) => [
    { key: null, value: Buffer.from(`keyless ${n}`) },
    { key: Buffer.alloc(0), value: Buffer.alloc(0) },
    { key: Buffer.from([n]), value: null },
    { key: Buffer.from('h'), value: Buffer.from([0]), headers: { same: ['one', 'two', ''], empty: '', имя: Buffer.from([0, 255]) } },
    { key: Buffer.from('far'), value: Buffer.from('future'), timestamp: String(1_700_000_000_000 + n * 90 * 86_400_000) },
  ]
  for (let round = 0; round < 6; round++) {
    for (let partition = 0; partition < 3; partition++) {
      await producer.send({ topic: 'plain', messages: odd(round).map((message) => ({ ...message, partition })) })
    }
  }
}

/** Interleaved transactions of two producers, commits and aborts in turn, the last one an abort. */
async function fillTransactions(kafka: Kafka): Promise<void> {
  const producers = ['one', 'two'].map((id) => kafka.producer({ transactionalId: `suite-${id}`, idempotent: true, maxInFlightRequests: 1 }))
  for (const producer of producers) await producer.connect()
  for (let round = 0; round < 6; round++) {
    const open = []
    for (const producer of producers) open.push(await producer.transaction())
    for (let step = 0; step < 3; step++) {
      for (const [index, transaction] of open.entries()) {
        const messages = [0, 1].map((partition) => ({ partition, key: `${round}`, value: `${round} ${index} ${step}` }))
        await transaction.send({ topic: 'transactions', messages })
      }
    }
    for (const [index, transaction] of open.entries()) await ((round + index) % 2 === 0 ? transaction.commit() : transaction.abort())
  }
  const last = await producers[0]?.transaction()
  await last?.send({ topic: 'transactions', messages: [...Array(15).keys()].map((n) => ({ partition: 0, key: 'a', value: `${n}` })) })
  await last?.send({ topic: 'transactions', messages: [...Array(15).keys()].map((n) => ({ partition: 1, key: 'a', value: `${n}` })) })
  await last?.commit()
  const aborted = await producers[1]?.transaction()
  await aborted?.send({ topic: 'transactions', messages: [{ partition: 0, key: 'b', value: 'never' }] })
  await aborted?.abort()
  for (const producer of producers) await producer.disconnect()
}

/** Batches that a Java producer wrote in each codec, as a broker kept them. */
async function fillCodecs(config: KafkaConfig): Promise<void> {
  await using client = await connectKafka(config, context)
  const producer = await newProducerId(client)
  const sender = openBatchSender({ client, lane: 'fill', topic: 'codecs', partition: 0, producer, startOffset: 0n })
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    const bytes = readFileSync(new URL(`../fixtures/records/java-${codec}.batches`, import.meta.url))
    for (const { bytes: batch, header } of splitBatches(bytes).batches) await sender.send(Buffer.from(batch), header.recordCount)
  }
  await sender.flush()
}

/** Waits until the log cleaner has really taken records out of batches. */
async function fillCompacted(producer: Producer, config: KafkaConfig): Promise<void> {
  for (let round = 0; round < 30; round++) {
    const messages = [...Array(20).keys()].map((n) => ({
      partition: 0,
      key: n === 0 ? `unique ${round}` : `k${n}`,
      value: round % 7 === 6 && n === 3 ? null : `${round} ${n}`,
    }))
    await producer.send({ topic: 'compacted', compression: round % 2 === 0 ? CompressionTypes.GZIP : CompressionTypes.None, messages })
  }
  await using client = await connectKafka(config, context)
  await waitUntil(
    async () => {
      await producer.send({ topic: 'compacted', messages: [{ partition: 0, key: 'tick', value: `${Date.now()}` }] })
      const answer = await fetchRaw(client, await client.leaderOf('compacted', 0), 'look', {
        topic: 'compacted',
        partition: 0,
        offset: 0n,
        maxBytes: 1 << 20,
        isolation: 1,
        maxWaitMs: 100,
      })
      return splitBatches(answer.records).batches.some(({ header }) => !isDense(header) && header.recordCount > 0)
    },
    { what: 'compaction', timeoutMs: 120_000, everyMs: 700 },
  )
}
