import { createAPI, type Reader, Writer } from '@platformatic/kafka'
import type { Broker, KafkaClient } from './kafka-client.ts'

export interface RawFetch {
  topic: string
  partition: number
  offset: bigint
  /** Bound of the answer's bytes; a first batch larger than this still comes whole. */
  maxBytes: number
  /** 1: the broker stops at the last stable offset and lists aborted transactions. */
  isolation: 0 | 1
  maxWaitMs: number
}

export interface RawFetchAnswer {
  errorCode: number
  highWatermark: bigint
  lastStableOffset: bigint
  logStartOffset: bigint
  /** Aborted transactions that reach into the answer's offsets: producer and first offset. */
  aborted: { producerId: bigint; firstOffset: bigint }[]
  /** RecordBatch bytes as the broker has them; the first batch may begin before the wanted offset, the last may be cut off. */
  records: Buffer
}

/*
  Fetch Request v12 => replica_id INT32, max_wait_ms INT32, min_bytes INT32, max_bytes INT32, isolation_level INT8, session_id INT32,
    session_epoch INT32, [topic COMPACT_STRING, [partition INT32, current_leader_epoch INT32, fetch_offset INT64, last_fetched_epoch INT32,
    log_start_offset INT64, partition_max_bytes INT32, TAGS], TAGS], [forgotten], rack_id COMPACT_STRING, TAGS
*/
function createRequest(fetch: RawFetch): Writer {
  return Writer.create()
    .appendInt32(-1)
    .appendInt32(fetch.maxWaitMs)
    .appendInt32(1)
    .appendInt32(fetch.maxBytes)
    .appendInt8(fetch.isolation)
    .appendInt32(0)
    .appendInt32(-1)
    .appendArray([fetch], (topic) => {
      topic.appendString(fetch.topic).appendArray([fetch], (partition) => {
        partition.appendInt32(fetch.partition).appendInt32(-1).appendInt64(fetch.offset).appendInt32(-1).appendInt64(-1n).appendInt32(fetch.maxBytes)
      })
    })
    .appendArray([], () => {})
    .appendString('')
    .appendTaggedFields()
}

/*
  Fetch Response v12 => throttle INT32, error_code INT16, session_id INT32, [topic COMPACT_STRING, [partition INT32, error_code INT16,
    high_watermark INT64, last_stable_offset INT64, log_start_offset INT64, [producer_id INT64, first_offset INT64, TAGS]?,
    preferred_read_replica INT32, records COMPACT_BYTES?, TAGS], TAGS], TAGS
*/
function parseResponse(_correlation: number, _key: number, _version: number, reader: Reader): RawFetchAnswer {
  reader.readInt32()
  const wholeError = reader.readInt16()
  reader.readInt32()
  const partitions = reader.readArray((topic) => {
    topic.readString()
    return topic.readArray((partition) => {
      partition.readInt32()
      const errorCode = partition.readInt16()
      const highWatermark = partition.readInt64()
      const lastStableOffset = partition.readInt64()
      const logStartOffset = partition.readInt64()
      const aborted = partition.readNullableArray((item) => ({ producerId: item.readInt64(), firstOffset: item.readInt64() })) ?? []
      partition.readInt32()
      const records = partition.readNullableBytes() ?? Buffer.alloc(0)
      return { errorCode, highWatermark, lastStableOffset, logStartOffset, aborted, records }
    })
  })
  const answer = partitions[0]?.[0]
  if (answer !== undefined) return answer
  return { errorCode: wholeError || -1, highWatermark: -1n, lastStableOffset: -1n, logStartOffset: -1n, aborted: [], records: Buffer.alloc(0) }
}

const api = createAPI<[RawFetch], RawFetchAnswer>(1, 12, createRequest, parseResponse)

/** Fetches one partition's bytes from a broker. Error codes are data; a lost connection is a retriable KafkaFailure. */
export function fetchRaw(client: KafkaClient, broker: Broker, lane: string, fetch: RawFetch): Promise<RawFetchAnswer> {
  return client.call(broker, lane, [api], fetch)
}
