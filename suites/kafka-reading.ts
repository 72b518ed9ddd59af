import { zstdDecompressSync } from 'node:zlib'
import kafkajs, { type Kafka } from 'kafkajs'
import { decompress } from '../src/clients/kafka/compression.ts'

// kafkajs brings gzip only.
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: async () => {
    throw new Error('only read')
  },
  decompress: async (bytes: Buffer) => zstdDecompressSync(bytes),
})
for (const [type, codec] of [
  [kafkajs.CompressionTypes.Snappy, 'snappy'],
  [kafkajs.CompressionTypes.LZ4, 'lz4'],
] as const) {
  kafkajs.CompressionCodecs[type] = () => ({
    compress: async () => {
      throw new Error('only read')
    },
    decompress: async (bytes: Buffer) => decompress(codec, bytes),
  })
}

export interface ReadRecord {
  key: string | null
  value: string | null
  timestamp: string
  headers: [string, string[]][]
}

/** Every committed record of the topics as kafkajs reads it, per `topic/partition`, in order, bytes as hex. */
export async function readEverything(kafka: Kafka, topics: string[]): Promise<Record<string, ReadRecord[]>> {
  const admin = kafka.admin()
  await admin.connect()
  // By offset: a group that is balanced anew in the middle reads from its beginning again. A record that is there twice has two offsets.
  const found = new Map<string, Map<bigint, ReadRecord>>()
  const waiting = new Map<string, bigint>()
  for (const topic of topics) {
    for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
      found.set(`${topic}/${partition}`, new Map())
      if (high !== low) waiting.set(`${topic}/${partition}`, BigInt(high))
    }
  }
  const groupId = `reading-${Date.now()}`
  const consumer = kafka.consumer({ groupId })
  await consumer.connect()
  await consumer.subscribe({ topics, fromBeginning: true })
  const done = Promise.withResolvers<void>()
  consumer.on('consumer.end_batch_process', ({ payload }) => {
    const key = `${payload.topic}/${payload.partition}`
    if (BigInt(payload.lastOffset) + 1n >= (waiting.get(key) ?? 0n)) waiting.delete(key)
    if (waiting.size === 0) done.resolve()
  })
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: true,
    eachBatch: async ({ batch }) => {
      for (const { offset, key, value, timestamp, headers } of batch.messages) {
        found.get(`${batch.topic}/${batch.partition}`)?.set(BigInt(offset), {
          key: hex(key),
          value: hex(value),
          timestamp,
          headers: Object.entries(headers ?? {}).map(flat),
        })
      }
    },
  })
  const timer = setTimeout(() => done.reject(new Error(`kafkajs never came to the end of ${[...waiting.keys()].join(', ')}`)), 300_000)
  await done.promise
  clearTimeout(timer)
  await consumer.disconnect()
  await admin.deleteGroups([groupId])
  await admin.disconnect()
  return Object.fromEntries([...found].map(([name, records]) => [name, [...records].sort(([a], [b]) => Number(a - b)).map(([, record]) => record)]))
}

function hex(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString('hex')
}

function flat([name, value]: [string, unknown]): [string, string[]] {
  const values = Array.isArray(value) ? value : [value]
  return [name, values.map((item) => (Buffer.isBuffer(item) ? item.toString('hex') : String(item)))]
}
