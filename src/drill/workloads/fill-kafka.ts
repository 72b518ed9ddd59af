import { SchemaRegistry } from '@kafkajs/confluent-schema-registry'
import type { Admin, ITopicConfig, Kafka } from 'kafkajs'
import type { HttpServer } from '../observers/http-json.ts'
import { KafkaConnection, type KafkaServer, kafkaClient } from '../observers/kafka-connection.ts'
import { compatibleRegistry, registryClientOptions } from '../observers/registry-server.ts'
import { parcelSchemas } from './fill-registry.ts'
import { sendFaithfully } from './send-faithfully.ts'

/** Topics beside CDC, and how each is made. */
export const applicationTopics: ITopicConfig[] = [
  { topic: 'drill.parcels', numPartitions: 3, configEntries: [{ name: 'retention.ms', value: '-1' }] },
  {
    topic: 'drill.settings',
    numPartitions: 2,
    configEntries: [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'min.cleanable.dirty.ratio', value: '0.01' },
      { name: 'segment.ms', value: '600000' },
      { name: 'delete.retention.ms', value: '86400000' },
    ],
  },
  { topic: 'drill.payments', numPartitions: 1, configEntries: [{ name: 'max.message.bytes', value: '2097164' }] },
  {
    topic: 'drill.old-times',
    numPartitions: 1,
    configEntries: [
      { name: 'retention.ms', value: '-1' },
      { name: 'retention.bytes', value: '1073741824' },
    ],
  },
  { topic: 'drill.stamped', numPartitions: 1, configEntries: [{ name: 'message.timestamp.type', value: 'LogAppendTime' }] },
  { topic: 'drill.nothing', numPartitions: 5, configEntries: [{ name: 'cleanup.policy', value: 'compact,delete' }] },
]

/** Consumer groups: one behind in the middle, one at the end, one inside a transaction's leavings, one on the empty topic. */
export const applicationGroups = ['drill-behind', 'drill-at-end', 'drill-payments', 'drill-nothing']

/** The topics whose keys and values are Confluent-framed. */
export const framedApplicationTopics = ['drill.parcels']

/**
 * Makes the topics, writes to all but one, and commits the groups' positions. `rows` records go to the parcels, a tenth to each of the others.
 * `fillRegistry` must have run before.
 */
export async function fillKafka(server: KafkaServer, registry: HttpServer, options: { rows: number; signal: AbortSignal }): Promise<void> {
  const kafka = kafkaClient(server)
  const admin = kafka.admin()
  await admin.connect()
  try {
    await admin.createTopics({ topics: applicationTopics, waitForLeaders: true })
    await sendParcels(server, registry, options)
    await sendSettings(kafka, Math.max(20, options.rows / 10))
    await sendPayments(kafka, Math.max(10, options.rows / 100))
    await sendOldTimes(kafka)
    await commitPositions(server, admin)
  } finally {
    await admin.disconnect()
  }
}

/** Avro with headers: two schema versions with references, keys without schema, null keys, tombstones, empty values; zstd and plain batches. */
async function sendParcels(server: KafkaServer, registry: HttpServer, options: { rows: number; signal: AbortSignal }): Promise<void> {
  const encoder = new SchemaRegistry(registryClientOptions(await compatibleRegistry(registry, options.signal)))
  const ids = await parcelSchemas(registry, options.signal)
  const to = { street: 'Rue de la Paix 1', zip: null }
  const started = BigInt(Date.now()) - 3_600_000n
  const records = []
  for (let index = 0; index < options.rows; index++) {
    const parcel = { id: index, grams: 100 + (index % 900), sentAt: 1_760_000_000_000_000 + index * 1_000_001 }
    const value =
      index % 2 === 0
        ? await encoder.encode(ids.first, { ...parcel, to })
        : await encoder.encode(ids.second, {
            ...parcel,
            to: { ...to, country: 'DE' },
            price: index % 3 === 0 ? null : Buffer.from([1, index & 0xff]),
            state: 'SENT',
          })
    const key = await encoder.encode(ids.key, { id: index % 50 })
    records.push({
      partition: index % 3,
      timestamp: started + BigInt(index * 7 - (index % 5) * 1000),
      key: index % 10 === 3 ? null : index % 10 === 4 ? Buffer.from(`plain-${index}`) : index % 10 === 5 ? Buffer.alloc(0) : key,
      value: index % 17 === 9 ? null : index % 17 === 10 ? Buffer.alloc(0) : value,
      headers: headersOf(index),
    })
  }
  const half = Math.ceil(records.length / 2)
  await sendFaithfully(server, 'drill.parcels', records.slice(0, half), 'none')
  await sendFaithfully(server, 'drill.parcels', records.slice(half), 'zstd')
}

/** Every third record has none; the others: duplicates with another name between them, null and empty values, an empty name, bytes that are no text. */
function headersOf(index: number): [string, Buffer | null][] {
  if (index % 3 === 0) return []
  return [
    ['trace', Buffer.from(`t-${index}`)],
    ['route', Buffer.from('a')],
    ['trace', Buffer.from([0xff, 0x00, index & 0xff])],
    ['empty', Buffer.alloc(0)],
    ['null', null],
    ['route', Buffer.from('b')],
    ['1', Buffer.from('a name that looks like an index')],
    ...(index % 6 === 1 ? ([['', Buffer.from('no name')]] as [string, Buffer][]) : []),
  ]
}

/** A raw compacted topic: the same keys again and again, some removed. gzip, kafkajs's only codec. */
async function sendSettings(kafka: Kafka, count: number): Promise<void> {
  const producer = kafka.producer({ idempotent: true, allowAutoTopicCreation: false })
  await producer.connect()
  const messages = Array.from({ length: count }, (_unused, index) => ({
    partition: index % 2,
    key: `setting-${index % 13}`,
    value: index % 13 === 7 && index > 13 ? null : Buffer.from([0xca, 0xfe, index & 0xff, 0x00]),
  }))
  await producer.send({ topic: 'drill.settings', messages, compression: 1 })
  await producer.disconnect()
}

/** Transactions that were committed and aborted in turn, and records outside any. */
async function sendPayments(kafka: Kafka, transactions: number): Promise<void> {
  const producer = kafka.producer({ transactionalId: 'drill-payments', idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false })
  const plain = kafka.producer({ idempotent: true, allowAutoTopicCreation: false })
  await Promise.all([producer.connect(), plain.connect()])
  for (let index = 0; index < transactions; index++) {
    const transaction = await producer.transaction()
    for (const part of ['debit', 'credit'])
      await transaction.send({ topic: 'drill.payments', messages: [{ key: `payment-${index}`, value: `${part} ${index}`, headers: { part } }] })
    if (index % 2 === 1) await transaction.abort()
    else await transaction.commit()
    if (index % 5 === 0) await plain.send({ topic: 'drill.payments', messages: [{ key: 'plain', value: `outside ${index}` }] })
  }
  await Promise.all([producer.disconnect(), plain.disconnect()])
}

/** Records older than any retention, and one at the epoch; a topic stamped by the broker. */
async function sendOldTimes(kafka: Kafka): Promise<void> {
  const producer = kafka.producer({ idempotent: true, allowAutoTopicCreation: false })
  await producer.connect()
  const times = ['0', '1', '946684800000', '1262304000000', String(Date.now() - 5_000)]
  await producer.send({ topic: 'drill.old-times', messages: times.map((timestamp, index) => ({ key: `old-${index}`, value: 'kept', timestamp })) })
  await producer.send({
    topic: 'drill.stamped',
    messages: times.map((timestamp, index) => ({ key: `stamped-${index}`, value: 'by the broker', timestamp })),
  })
  await producer.disconnect()
}

async function commitPositions(server: KafkaServer, admin: Admin): Promise<void> {
  await using connection = await KafkaConnection.open(
    server,
    applicationTopics.map(({ topic }) => topic),
  )
  const commit = async (groupId: string, topic: string, position: (bounds: { low: bigint; high: bigint }) => bigint) => {
    const bounds = await admin.fetchTopicOffsets(topic)
    const partitions = bounds.map(({ partition, low, high }) => ({
      partition,
      offset: position({ low: BigInt(low), high: BigInt(high) }).toString(),
    }))
    await connection.commit(groupId, topic, partitions, `set by the drill for ${groupId}`)
  }
  await commit('drill-behind', 'drill.parcels', ({ low, high }) => low + (high - low) / 3n)
  await commit('drill-behind', 'drill.settings', ({ low }) => low)
  await commit('drill-at-end', 'drill.parcels', ({ high }) => high)
  // Offset 5 of the payments is inside what the first aborted transaction left.
  await commit('drill-payments', 'drill.payments', () => 5n)
  await commit('drill-nothing', 'drill.nothing', ({ high }) => high)
}
