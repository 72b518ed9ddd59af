import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { waitUntil } from '../../base/wait-until.ts'
import { openDecoder } from '../observers/avro-decoder.ts'
import type { HttpServer } from '../observers/http-json.ts'
import { KafkaConnection, type KafkaServer } from '../observers/kafka-connection.ts'
import { readPartition } from '../observers/read-topic.ts'
import { topicOf } from './connector.ts'

export interface Pipeline {
  postgresUrl: string
  kafka: KafkaServer
  registry: HttpServer
}

export interface CanaryOptions {
  signal: AbortSignal
  /** Milliseconds (default two minutes). */
  timeoutMs?: number
  lastWords?: () => string | Promise<string>
}

/**
 * Commits one row to `shop.canary` and waits until its event is decoded from Kafka: the whole pipeline works. Returns the seconds between.
 * It also says that everything committed before has been captured. Throws `timeout`.
 */
export async function sendCanary(pipeline: Pipeline, options: CanaryOptions): Promise<number> {
  const topic = topicOf('shop.canary')
  const id = randomUUID()
  const started = performance.now()
  const client = new Client({ connectionString: pipeline.postgresUrl, connectionTimeoutMillis: 10_000, application_name: 'datapipe-drill-canary' })
  await client.connect()
  try {
    await client.query('INSERT INTO shop.canary (id) VALUES ($1)', [id])
  } finally {
    await client.end()
  }
  const decoder = await openDecoder(pipeline.registry, options.signal)
  const read = new Map<number, bigint>()
  await waitUntil(
    async () => {
      // The topic exists only once the first row of the table was captured.
      const connection = await KafkaConnection.openWhenThere(pipeline.kafka, topic)
      if (connection === undefined) return false
      await using open = connection
      for (const [partition, { start, end }] of await open.bounds(topic)) {
        for await (const record of readPartition(open, { topic, partition, start: read.get(partition) ?? start, end, signal: options.signal })) {
          if (record.key === null) continue
          const key = (await decoder.decode(record.key)) as { id?: string }
          if (key.id === id) return true
        }
        read.set(partition, end)
      }
      return false
    },
    {
      what: 'the canary row to be seen in Kafka',
      timeoutMs: options.timeoutMs ?? 120_000,
      everyMs: 100,
      signal: options.signal,
      ...(options.lastWords === undefined ? {} : { lastWords: options.lastWords }),
    },
  )
  return (performance.now() - started) / 1000
}
