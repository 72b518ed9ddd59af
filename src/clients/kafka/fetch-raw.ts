import { type WireReader, WireWriter } from '../kafka-wire/wire-bytes.ts'
import type { WireApi } from '../kafka-wire/wire-connection.ts'
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
  /** Nobody reads `records` any more: their memory may be used again. */
  release(): void
}

/*
  Fetch Request v12 => replica_id INT32, max_wait_ms INT32, min_bytes INT32, max_bytes INT32, isolation_level INT8, session_id INT32,
    session_epoch INT32, [topic COMPACT_STRING, [partition INT32, current_leader_epoch INT32, fetch_offset INT64, last_fetched_epoch INT32,
    log_start_offset INT64, partition_max_bytes INT32, TAGS], TAGS], [forgotten], rack_id COMPACT_STRING, TAGS
*/
function requestBody(fetch: RawFetch): Buffer {
  const body = new WireWriter().int32(-1).int32(fetch.maxWaitMs).int32(1).int32(fetch.maxBytes).int8(fetch.isolation).int32(0).int32(-1)
  body.array([fetch], (topic) => {
    body.string(topic.topic).array([fetch], ({ partition, offset, maxBytes }) => {
      body.int32(partition).int32(-1).int64(offset).int32(-1).int64(-1n).int32(maxBytes).tags()
    })
    body.tags()
  })
  return body
    .array([], () => {})
    .string('')
    .tags()
    .finish()
}

/*
  Fetch Response v12 => throttle INT32, error_code INT16, session_id INT32, [topic COMPACT_STRING, [partition INT32, error_code INT16,
    high_watermark INT64, last_stable_offset INT64, log_start_offset INT64, [producer_id INT64, first_offset INT64, TAGS]?,
    preferred_read_replica INT32, records COMPACT_BYTES?, TAGS], TAGS], TAGS
*/
function parseResponse(reader: WireReader, release: () => void): RawFetchAnswer {
  reader.int32()
  const wholeError = reader.int16()
  reader.int32()
  const partitions = reader.array(() => {
    reader.string()
    const own = reader.array(() => {
      reader.int32()
      const errorCode = reader.int16()
      const highWatermark = reader.int64()
      const lastStableOffset = reader.int64()
      const logStartOffset = reader.int64()
      const aborted = reader.array(() => {
        const transaction = { producerId: reader.int64(), firstOffset: reader.int64() }
        reader.tags()
        return transaction
      })
      reader.int32()
      const records = reader.nullableBytes() ?? Buffer.alloc(0)
      reader.tags()
      return { errorCode, highWatermark, lastStableOffset, logStartOffset, aborted, records, release }
    })
    reader.tags()
    return own
  })
  const answer = partitions[0]?.[0]
  if (answer !== undefined) return answer
  const records = Buffer.alloc(0)
  return { errorCode: wholeError || -1, highWatermark: -1n, lastStableOffset: -1n, logStartOffset: -1n, aborted: [], records, release }
}

const api: WireApi = { key: 1, version: 12, name: 'Fetch', flexible: true }

/** Fetches one partition's bytes from a broker. Error codes are data; a lost connection is a retriable KafkaFailure. */
export function fetchRaw(client: KafkaClient, broker: Broker, lane: string, fetch: RawFetch): Promise<RawFetchAnswer> {
  const parse = (reader: WireReader) => parseResponse(reader, () => client.reuse(reader.bytes))
  return client.exchange(broker, lane, { api, body: [requestBody(fetch)], parse })
}
