import { WireWriter } from './wire-bytes.ts'
import type { WireClient, WireNode } from './wire-client.ts'
import type { WireApi } from './wire-connection.ts'
import { throwOnCode } from './wire-failure.ts'

const fetchApi: WireApi = { key: 1, version: 12, name: 'Fetch', flexible: true }

export interface WireFetch {
  partitions: { topic: string; partition: number; offset: bigint }[]
  /** Bound of one partition's bytes in the answer; a first batch larger than this still comes whole. */
  partitionBytes: number
  maxBytes: number
  maxWaitMs: number
  /** 1: the broker stops at the last stable offset and lists aborted transactions. */
  isolation: 0 | 1
}

export interface WireFetched {
  topic: string
  partition: number
  code: number
  highWatermark: bigint
  lastStableOffset: bigint
  aborted: { producerId: bigint; firstOffset: bigint }[]
  /** RecordBatch bytes as the broker has them; the first batch may begin before the wanted offset, the last may be cut off. */
  records: Buffer
}

/** Fetches partitions that one broker leads (the bytes: clients/kafka/fetch-raw.ts, which has the grammar). Codes of partitions are data. */
export async function fetchFrom(client: WireClient, node: WireNode, fetch: WireFetch): Promise<WireFetched[]> {
  const topics = new Map<string, WireFetch['partitions']>()
  for (const item of fetch.partitions) topics.set(item.topic, [...(topics.get(item.topic) ?? []), item])
  const body = new WireWriter().int32(-1).int32(fetch.maxWaitMs).int32(1).int32(fetch.maxBytes).int8(fetch.isolation).int32(0).int32(-1)
  body.array([...topics], ([topic, partitions]) => {
    body.string(topic).array(partitions, ({ partition, offset }) => {
      body.int32(partition).int32(-1).int64(offset).int32(-1).int64(-1n).int32(fetch.partitionBytes).tags()
    })
    body.tags()
  })
  body
    .array([], () => {})
    .string('')
    .tags()
  const reader = await client.request(node, 'fetch', fetchApi, body)
  reader.int32()
  throwOnCode(reader.int16(), `fetch from broker ${node.host}:${node.port}`)
  reader.int32()
  const fetched: WireFetched[] = []
  reader.array(() => {
    const topic = reader.string()
    reader.array(() => {
      const partition = reader.int32()
      const code = reader.int16()
      const highWatermark = reader.int64()
      const lastStableOffset = reader.int64()
      reader.int64()
      const aborted = reader.array(() => {
        const transaction = { producerId: reader.int64(), firstOffset: reader.int64() }
        reader.tags()
        return transaction
      })
      reader.int32()
      const records = reader.nullableBytes() ?? Buffer.alloc(0)
      reader.tags()
      fetched.push({ topic, partition, code, highWatermark, lastStableOffset, aborted, records })
    })
    reader.tags()
  })
  return fetched
}
