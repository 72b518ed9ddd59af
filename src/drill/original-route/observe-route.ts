import { framedId } from '../observers/avro-decoder.ts'
import { bytesHash } from '../observers/evidence-hash.ts'
import type { KafkaServer } from '../observers/kafka-connection.ts'
import { observeKafka } from '../observers/observe-kafka.ts'

/** A key or a value taken apart: the schema id of Confluent's wire format, where the topic is Avro, and a hash of what it frames. */
export interface RoutePart {
  id: number | null
  /** Of the datum alone where framed, so that the same datum under another id is the same; `null` for null. */
  hash: string
}

export interface RouteRecord {
  partition: number
  offset: string
  timestamp: string
  key: RoutePart
  value: RoutePart
  /** Hash over all headers in order; empty without any. */
  headers: string
  /** How many there are. */
  headerCount: number
  shown: string
}

export interface RouteTopic {
  topic: string
  /** In the order of partitions and offsets. */
  records: RouteRecord[]
}

/** Every record of the topics, by the drill's own reader. Plain JSON, to be saved before it is judged. */
export async function observeRoute(server: KafkaServer, options: { topics: string[]; avro: boolean; signal: AbortSignal }): Promise<RouteTopic[]> {
  const parts = new Map<string, Pick<RouteRecord, 'key' | 'value' | 'headerCount'>>()
  const part = (bytes: Buffer | null): RoutePart => {
    const id = options.avro ? framedId(bytes) : undefined
    return bytes === null || id === undefined ? { id: null, hash: bytesHash(bytes) } : { id, hash: bytesHash(bytes.subarray(5)) }
  }
  const observed = await observeKafka(server, {
    topics: options.topics,
    signal: options.signal,
    onRecord: (topic, partition, { offset, key, value, headers }) =>
      parts.set(`${topic}/${partition}/${offset}`, { key: part(key), value: part(value), headerCount: headers.length }),
  })
  return observed.map(({ topic, partitions }) => ({
    topic,
    records: partitions.flatMap(({ partition, records }) =>
      records.map(({ offset, timestamp, headers, shown }) => {
        const taken = parts.get(`${topic}/${partition}/${offset}`)
        if (taken === undefined) throw new TypeError(`${topic}/${partition}/${offset} was observed and not taken apart`)
        return { partition, offset, timestamp, ...taken, headers, shown }
      }),
    ),
  }))
}
