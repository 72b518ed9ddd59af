import { createAPI, type Reader, Writer } from '@platformatic/kafka'
import { kafkaErrors, throwOnError } from './failure.ts'
import type { Broker, KafkaClient } from './kafka-client.ts'

interface MarkerRequest {
  topic: string
  partition: number
  /** Each is a control batch of its own: one offset. */
  count: number
  producer: { producerId: bigint; producerEpoch: number }
}

/*
  WriteTxnMarkers Request v1 => [producer_id INT64, producer_epoch INT16, transaction_result BOOLEAN (false: abort),
    [topic COMPACT_STRING, [partition INT32], TAGS], coordinator_epoch INT32, TAGS], TAGS
*/
function createRequest({ topic, partition, count, producer }: MarkerRequest): Writer {
  return Writer.create()
    .appendArray([...Array(count).keys()], (marker) => {
      marker
        .appendInt64(producer.producerId)
        .appendInt16(producer.producerEpoch)
        .appendBoolean(false)
        .appendArray([topic], (inner) => inner.appendString(topic).appendArray([partition], (item) => item.appendInt32(partition), true, false))
        .appendInt32(0)
    })
    .appendTaggedFields()
}

/*
  WriteTxnMarkers Response v1 => [producer_id INT64, [topic COMPACT_STRING, [partition INT32, error_code INT16, TAGS], TAGS], TAGS], TAGS
*/
function parseResponse(_correlation: number, _key: number, _version: number, reader: Reader): number[] {
  return reader
    .readArray((marker) => {
      marker.readInt64()
      return marker.readArray((topic) => {
        topic.readString()
        return topic.readArray((item) => {
          item.readInt32()
          return item.readInt16()
        })
      })
    })
    .flat(2)
}

const api = createAPI<[MarkerRequest], number[]>(27, 1, createRequest, parseResponse)

/**
 * Writes `count` abort markers of a producer that has no open transaction behind one another: no client ever sees them, and each takes one
 * offset. For brokers they end a transaction that was empty (as `kafka-transactions.sh abort` would). Needs ClusterAction, or Alter, on the
 * cluster. Throws KafkaFailure; how many were written when the connection broke only the partition's end tells.
 */
export async function writeAbortMarkers(client: KafkaClient, broker: Broker, lane: string, request: MarkerRequest): Promise<void> {
  const { topic, partition } = request
  for (const code of await client.call(broker, lane, [api], request)) throwOnError(code, `write a transaction marker to ${topic}/${partition}`)
}

/** True when we may write markers. Asked with one for a topic that cannot be: rights are looked at before topics. Throws `not-supported`. */
export async function mayWriteMarkers(client: KafkaClient): Promise<boolean> {
  return client.retrying(async () => {
    const request = { topic: `datapipe-asks-${client.clusterId}`, partition: 0, count: 1, producer: { producerId: 0n, producerEpoch: 0 } }
    const codes = await client.call(await client.broker(), 'main', [api], request)
    return !codes.includes(kafkaErrors.clusterAuthorizationFailed)
  })
}
