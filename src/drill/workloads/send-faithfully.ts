import { Producer } from '@platformatic/kafka'
import type { KafkaServer } from '../observers/kafka-connection.ts'

export interface FaithfulRecord {
  partition: number
  timestamp: bigint
  key: Buffer | null
  value: Buffer | null
  /** In order, with duplicates and nulls. */
  headers: [name: string, value: Buffer | null][]
}

/**
 * Writes records whose headers kafkajs cannot say: it takes an object (a repeated name loses its place between others) and fails on a null value.
 * The producer here takes a Map, whose Buffer keys are different keys even when their bytes are equal. One call, one batch a partition at most.
 */
export async function sendFaithfully(server: KafkaServer, topic: string, records: FaithfulRecord[], compression: 'none' | 'zstd'): Promise<void> {
  const producer = new Producer<Buffer | null, Buffer | null, Buffer, Buffer | null>({
    clientId: 'datapipe-drill',
    bootstrapBrokers: server.bootstrapServers,
    idempotent: true,
    compression,
    ...(server.sasl === undefined ? {} : { sasl: server.sasl as never }),
    ...(server.tls === undefined ? {} : { tls: server.tls as never }),
  })
  try {
    for (let from = 0; from < records.length; from += 500)
      await producer.send({
        messages: records.slice(from, from + 500).map((record) => ({
          topic,
          partition: record.partition,
          timestamp: record.timestamp,
          key: record.key as Buffer,
          value: record.value as Buffer,
          headers: new Map(record.headers.map(([name, value]) => [Buffer.from(name), value])),
        })),
      })
  } finally {
    await producer.close()
  }
}
