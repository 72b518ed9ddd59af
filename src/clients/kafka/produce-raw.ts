import { createAPI, initProducerIdV3, initProducerIdV4, type Reader, Writer } from '@platformatic/kafka'
import { throwOnError } from './failure.ts'
import type { Broker, KafkaClient } from './kafka-client.ts'

export interface RawProduce {
  topic: string
  partition: number
  /** Exactly one record batch, in pieces: idempotent producers may send no more per partition and request. */
  batch: Buffer[]
}

export interface RawProduceAnswer {
  errorCode: number
  errorMessage: string | null
  baseOffset: bigint
  logAppendTimeMs: bigint
}

/*
  Produce Request v9 => transactional_id COMPACT_STRING?, acks INT16, timeout_ms INT32, [topic COMPACT_STRING, [partition INT32,
    records COMPACT_BYTES, TAGS], TAGS], TAGS
*/
function createRequest({ topic, partition, batch }: RawProduce): Writer {
  return Writer.create()
    .appendString(null)
    .appendInt16(-1)
    .appendInt32(30_000)
    .appendArray([topic], (writer) => {
      writer.appendString(topic).appendArray([partition], (inner) => {
        inner.appendInt32(partition).appendUnsignedVarInt(batch.reduce((sum, { length }) => sum + length, 1))
        for (const piece of batch) inner.append(piece)
      })
    })
    .appendTaggedFields()
}

/*
  Produce Response v9 => [topic COMPACT_STRING, [partition INT32, error_code INT16, base_offset INT64, log_append_time INT64,
    log_start_offset INT64, [batch_index INT32, message COMPACT_STRING?, TAGS], error_message COMPACT_STRING?, TAGS], TAGS], throttle INT32, TAGS
*/
function parseResponse(_correlation: number, _key: number, _version: number, reader: Reader): RawProduceAnswer {
  const topics = reader.readArray((topic) => {
    topic.readString()
    return topic.readArray((partition) => {
      partition.readInt32()
      const errorCode = partition.readInt16()
      const baseOffset = partition.readInt64()
      const logAppendTimeMs = partition.readInt64()
      partition.readInt64()
      const recordErrors = partition.readArray((item) => ({ index: item.readInt32(), message: item.readNullableString() }))
      const message = partition.readNullableString()
      const words = [message, ...recordErrors.slice(0, 3).map((error) => `record ${error.index}: ${error.message ?? ''}`)].filter(Boolean).join('; ')
      return { errorCode, errorMessage: words || null, baseOffset, logAppendTimeMs }
    })
  })
  return topics[0]?.[0] ?? { errorCode: -1, errorMessage: 'an empty answer', baseOffset: -1n, logAppendTimeMs: -1n }
}

const api = createAPI<[RawProduce], RawProduceAnswer>(0, 9, createRequest, parseResponse)

/** Sends one batch to the partition's leader, acks=all. Error codes are data; a lost connection is a retriable KafkaFailure. */
export function produceRaw(client: KafkaClient, broker: Broker, lane: string, produce: RawProduce): Promise<RawProduceAnswer> {
  return client.call(broker, lane, [api], produce)
}

/** A fresh idempotent producer identity. */
export async function newProducerId(client: KafkaClient): Promise<{ producerId: bigint; producerEpoch: number }> {
  return client.retrying(async () => {
    const answer = await client.call(await client.broker(), 'main', [initProducerIdV4.api, initProducerIdV3.api], null, 60_000, -1n, -1)
    throwOnError(answer.errorCode, 'get a producer id')
    return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
  })
}
