import { WireWriter } from './wire-bytes.ts'
import type { WireClient, WireNode } from './wire-client.ts'
import type { WireApi } from './wire-connection.ts'
import { throwOnCode } from './wire-failure.ts'

const produceApi: WireApi = { key: 0, version: 9, name: 'Produce', flexible: true }
const initProducerIdApi: WireApi = { key: 22, version: 3, name: 'InitProducerId', flexible: true }

export interface WireProduce {
  topic: string
  partition: number
  /** -1: all in-sync replicas, 1: the leader. 0 would have no answer. */
  acks: -1 | 1
  /** Milliseconds that the broker may wait for replicas. */
  timeoutMs: number
  /** Exactly one record batch. */
  batch: Buffer
}

export interface WireProduced {
  code: number
  /** The broker's words about `code`, when it has any. */
  words: string | null
}

/** Sends one batch to the partition's leader (the bytes: clients/kafka/produce-raw.ts, which has the grammar). Error codes are data. */
export async function produceTo(client: WireClient, node: WireNode, produce: WireProduce): Promise<WireProduced> {
  const body = new WireWriter().string(null).int16(produce.acks).int32(produce.timeoutMs)
  body.array([produce], ({ topic, partition, batch }) => {
    body.string(topic).array([batch], () => body.int32(partition).bytes(batch).tags())
    body.tags()
  })
  const reader = await client.request(node, 'produce', produceApi, body.tags())
  const answers = reader.array(() => {
    reader.string()
    const partitions = reader.array(() => {
      reader.int32()
      const code = reader.int16()
      reader.int64()
      reader.int64()
      reader.int64()
      const records = reader.array(() => {
        reader.int32()
        const words = reader.nullableString()
        reader.tags()
        return words
      })
      const words = reader.nullableString() ?? records.find((message) => message !== null) ?? null
      reader.tags()
      return { code, words }
    })
    reader.tags()
    return partitions
  })
  return answers[0]?.[0] ?? { code: -1, words: 'the broker answered nothing about the partition' }
}

export interface ProducerIdentity {
  producerId: bigint
  producerEpoch: number
}

/** A fresh identity of an idempotent producer. */
export async function newProducerIdentity(client: WireClient): Promise<ProducerIdentity> {
  const reader = await client.requestAny(initProducerIdApi, new WireWriter().string(null).int32(60_000).int64(-1n).int16(-1).tags())
  reader.int32()
  throwOnCode(reader.int16(), 'get a producer id')
  return { producerId: reader.int64(), producerEpoch: reader.int16() }
}
