/*
  Makes fixtures/backups/format-N anew, on a real broker and a real registry: `node suites/make-golden-backup.ts DIRECTORY`. Needed once for every
  new number of docs/format.md; a golden backup that is there never changes.
*/
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CompressionTypes, Kafka, logLevel } from 'kafkajs'
import { configSchema } from '../src/base/config.ts'
import { silentContext } from '../src/base/context.ts'
import { connectKafka } from '../src/clients/kafka/kafka-client.ts'
import { deleteRecords } from '../src/clients/kafka/topic-admin.ts'
import { httpJson } from '../src/drill/observers/http-json.ts'
import { backup } from '../src/index.ts'
import { startEmbeddedStack } from '../src/stack/embedded/index.ts'

const [, , target] = process.argv
if (target === undefined) throw new Error('node suites/make-golden-backup.ts DIRECTORY')
const context = silentContext()
await using stack = await startEmbeddedStack({ components: ['kafka', 'registry'], context })
const { kafka: section, registry } = stack.config('file:///unused')
if (section === undefined || registry === undefined) throw new Error('the stack lacks a server')
const kafka = new Kafka({ brokers: section.bootstrapServers, logLevel: logLevel.NOTHING })
const admin = kafka.admin()
await admin.connect()
await admin.createTopics({
  waitForLeaders: true,
  topics: [
    { topic: 'orders', numPartitions: 2, replicationFactor: 1, configEntries: [{ name: 'retention.ms', value: '-1' }] },
    { topic: 'payments', numPartitions: 1, replicationFactor: 1 },
    { topic: 'state.v1', numPartitions: 1, replicationFactor: 1, configEntries: [{ name: 'cleanup.policy', value: 'compact' }] },
  ],
})
const { body } = await httpJson(registry, '/apis/ccompat/v7/subjects/orders-value/versions', {
  method: 'POST',
  body: JSON.stringify({ schema: JSON.stringify({ type: 'record', name: 'Order', fields: [{ name: 'n', type: 'int' }] }) }),
})
const { id } = body as { id: number }
/** Magic byte, id, then the zigzag number as the record's one field. */
const avro = (n: number) => Buffer.from([0, 0, 0, id >> 8, id & 255, n * 2])

const plain = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
const transactional = kafka.producer({ transactionalId: 'golden', idempotent: true, maxInFlightRequests: 1 })
await plain.connect()
await transactional.connect()
async function send(from: number): Promise<void> {
  for (const [index, compression] of [CompressionTypes.None, CompressionTypes.GZIP].entries()) {
    const numbers = Array.from({ length: 20 }, (_, n) => from + index * 20 + n)
    const messages = numbers.map((n) => ({
      partition: n % 2,
      key: `order ${n}`,
      value: avro(n),
      headers: { n: `${n}` },
      timestamp: `${1_700_000_000_000 + n}`,
    }))
    await plain.send({ topic: 'orders', compression, messages })
  }
  await plain.send({ topic: 'state.v1', messages: [1, 2, 3].map((n) => ({ key: `key ${n}`, value: n === 3 ? null : `${from}` })) })
  for (const keep of [true, false]) {
    const transaction = await transactional.transaction()
    await transaction.send({ topic: 'payments', messages: [1, 2].map((n) => ({ key: `payment ${from + n}`, value: keep ? 'paid' : 'never' })) })
    await (keep ? transaction.commit() : transaction.abort())
  }
}

const config = configSchema.parse({ repository: { url: pathToFileURL(resolve(target)).href }, kafka: section, registry })
await send(0)
await admin.setOffsets({ groupId: 'billing', topic: 'orders', partitions: [{ partition: 0, offset: '7' }] })
await backup({ config, label: 'golden, first' }, context)
await send(40)
await admin.setOffsets({ groupId: 'billing', topic: 'orders', partitions: [{ partition: 0, offset: '33' }] })
await using client = await connectKafka(section, context)
await deleteRecords(client, 'orders', 1, 5n)
const { id: last, earlier, findings } = await backup({ config, label: 'golden, second' }, context)
console.log(JSON.stringify({ last, earlier, findings }, undefined, 1))
await plain.disconnect()
await transactional.disconnect()
await admin.disconnect()
