import { bytesHash, showBytes } from './evidence-hash.ts'
import { KafkaConnection, type KafkaServer } from './kafka-connection.ts'
import type { ObservedPartition, ObservedRecord, ObservedTopic } from './observation.ts'
import { readPartition } from './read-topic.ts'
import type { DecodedRecord } from './record-batch.ts'

export interface ObserveTopics {
  topics: string[]
  /** `topic → partition → offset after the last wanted record`; the last stable offset where left out. */
  endOffsets?: Record<string, Record<string, string>>
  signal: AbortSignal
  /** Called with every record's bytes, for checks that need more than hashes. */
  onRecord?: (topic: string, partition: number, record: DecodedRecord) => void
}

/**
 * Every committed record of the topics, from the log start to the given ends. Keeps hashes and a clipped text of each, about 250 bytes a record.
 * A topic that is missing throws `unreachable`; so no answer is ever shorter than asked.
 */
export async function observeKafka(server: KafkaServer, options: ObserveTopics): Promise<ObservedTopic[]> {
  if (options.topics.length === 0) return []
  await using connection = await KafkaConnection.open(server, options.topics)
  const observed: ObservedTopic[] = []
  for (const topic of [...options.topics].sort()) {
    const bounds = await connection.bounds(topic)
    const partitions: ObservedPartition[] = []
    for (const [partition, { start, end }] of bounds) {
      const asked = options.endOffsets?.[topic]?.[String(partition)]
      const until = asked === undefined ? end : BigInt(asked)
      const records: ObservedRecord[] = []
      for await (const record of readPartition(connection, { topic, partition, start, end: until, signal: options.signal })) {
        options.onRecord?.(topic, partition, record)
        records.push(evidenceOf(record))
      }
      partitions.push({ partition, start: start.toString(), end: until.toString(), records })
    }
    observed.push({ topic, partitions })
  }
  return observed
}

/** What is kept of a record. */
export function evidenceOf(record: DecodedRecord): ObservedRecord {
  const headers = record.headers.map(([name, value]) => `${name.length}:${name}=${bytesHash(value)}`).join(',')
  const shownHeaders = record.headers.map(([name, value]) => `${name}=${showBytes(value, 20)}`).join(', ')
  return {
    offset: record.offset.toString(),
    timestamp: record.timestamp.toString(),
    key: bytesHash(record.key),
    value: bytesHash(record.value),
    headers: record.headers.length === 0 ? '' : bytesHash(Buffer.from(headers)),
    shown: `key ${showBytes(record.key, 40)} value ${showBytes(record.value, 60)}${shownHeaders ? ` headers [${shownHeaders.slice(0, 120)}]` : ''}`,
  }
}
