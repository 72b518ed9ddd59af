import { z } from 'zod'
import { openDecoder } from './avro-decoder.ts'
import type { HttpServer } from './http-json.ts'
import { KafkaConnection, type KafkaServer } from './kafka-connection.ts'
import type { ObservedEvent } from './observation.ts'
import { readPartition } from './read-topic.ts'

/** The decoder gives instances of generated classes; zod wants plain objects. */
const fields = z.preprocess((value) => (typeof value === 'object' && value !== null ? { ...value } : value), z.record(z.string(), z.unknown()))
const envelopeSchema = z.object({
  op: z.enum(['c', 'u', 'd', 'r', 't', 'm']),
  after: fields.nullable(),
  source: z.object({ txId: z.unknown().optional(), lsn: z.unknown().optional(), snapshot: z.unknown().optional() }),
})

export interface ObserveEvents {
  /** Topic → the table that its events are of. */
  topics: Record<string, string>
  signal: AbortSignal
}

/** Every Debezium event of the topics, decoded, in the order of each partition. Throws when one does not decode: then nothing can be said. */
export async function observeEvents(kafka: KafkaServer, registry: HttpServer, options: ObserveEvents): Promise<ObservedEvent[]> {
  const decoder = await openDecoder(registry, options.signal)
  const topics = Object.keys(options.topics).sort()
  await using connection = await KafkaConnection.open(kafka, topics)
  const events: ObservedEvent[] = []
  for (const topic of topics)
    for (const [partition, { start, end }] of await connection.bounds(topic))
      for await (const record of readPartition(connection, { topic, partition, start, end, signal: options.signal })) {
        const key = record.key === null ? {} : texts(fields.parse(await decoder.decode(record.key)))
        const place = { table: options.topics[topic] ?? topic, partition, offset: record.offset.toString(), key }
        if (record.value === null) {
          events.push({ ...place, op: null, after: null, txId: null, lsn: null, snapshot: 'false' })
          continue
        }
        const { op, after, source } = envelopeSchema.parse(await decoder.decode(record.value))
        const optional = (value: unknown) => (value === undefined || value === null ? null : String(value))
        events.push({
          ...place,
          op,
          after: after === null ? null : texts(after),
          txId: optional(source.txId),
          lsn: optional(source.lsn),
          snapshot: optional(source.snapshot) ?? 'false',
        })
      }
  return events
}

/** Scalars as text; the ledger has no others. */
function texts(row: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, String(value)]))
}
