import { describeError } from '../../base/errors.ts'
import { framedId, openDecoder } from './avro-decoder.ts'
import type { HttpServer } from './http-json.ts'
import type { KafkaServer } from './kafka-connection.ts'
import type { DecodeObservation, ObservedId } from './observation.ts'
import { KafkaConnection } from './kafka-connection.ts'
import { readPartition } from './read-topic.ts'

export interface ObserveDecode {
  topics: string[]
  /** `topic → partition → offset after the last wanted record`; the last stable offset where left out. */
  endOffsets?: Record<string, Record<string, string>>
  signal: AbortSignal
  /** Records of one id that are really decoded (default: all). Every record's id is counted whatever this says. */
  perId?: number
}

/**
 * Decodes keys and values of the topics with @kafkajs/confluent-schema-registry. Bytes count as framed when they start with the magic byte 0 and
 * an id that is not 0; raw topics, whose bytes may look like that by chance, are not to be named here.
 */
export async function observeDecode(kafka: KafkaServer, registry: HttpServer, options: ObserveDecode): Promise<DecodeObservation> {
  const decoder = await openDecoder(registry, options.signal)
  const ids = new Map<number, ObservedId>()
  let records = 0
  let unframed = 0
  if (options.topics.length === 0) return { ids: [], records, unframed }
  await using connection = await KafkaConnection.open(kafka, options.topics)
  for (const topic of options.topics)
    for (const [partition, { start, end }] of await connection.bounds(topic)) {
      const asked = options.endOffsets?.[topic]?.[String(partition)]
      const until = asked === undefined ? end : BigInt(asked)
      for await (const record of readPartition(connection, { topic, partition, start, end: until, signal: options.signal })) {
        records += 1
        for (const bytes of [record.key, record.value]) {
          const id = framedId(bytes)
          if (bytes === null || id === undefined) {
            if (bytes !== null) unframed += 1
            continue
          }
          const seen: ObservedId = ids.get(id) ?? { id, topics: [], records: 0, decoded: 0 }
          ids.set(id, seen)
          if (!seen.topics.includes(topic)) seen.topics.push(topic)
          seen.records += 1
          if (seen.error !== undefined || seen.decoded >= (options.perId ?? Number.POSITIVE_INFINITY)) continue
          try {
            await decoder.decode(bytes)
            seen.decoded += 1
          } catch (error) {
            seen.error = `${topic}/${partition}/${record.offset}: ${describeError(error)}`
          }
        }
      }
    }
  return { ids: [...ids.values()].sort((a, b) => a.id - b.id), records, unframed }
}
