import { kafkaErrors, throwOnError } from './failure.ts'
import type { Broker, KafkaClient } from './kafka-client.ts'
import { type MarkerAsk, writeTxnMarkers } from './requests/producers.ts'

/**
 * Writes `count` abort markers of a producer that has no open transaction behind one another: no client ever sees them, and each takes one
 * offset. For brokers they end a transaction that was empty (as `kafka-transactions.sh abort` would). Needs ClusterAction, or Alter, on the
 * cluster. Throws KafkaFailure; how many were written when the connection broke only the partition's end tells.
 */
export async function writeAbortMarkers(client: KafkaClient, broker: Broker, lane: string, request: MarkerAsk): Promise<void> {
  const { topic, partition } = request
  for (const code of await client.call(broker, lane, writeTxnMarkers, request))
    throwOnError(code, `write a transaction marker to ${topic}/${partition}`)
}

/** True when we may write markers. Asked with one for a topic that cannot be: rights are looked at before topics. Throws `not-supported`. */
export async function mayWriteMarkers(client: KafkaClient): Promise<boolean> {
  return client.retrying(async () => {
    const request = { topic: `datapipe-asks-${client.clusterId}`, partition: 0, count: 1, producer: { producerId: 0n, producerEpoch: 0 } }
    const codes = await client.call(await client.broker(), 'main', writeTxnMarkers, request)
    return !codes.includes(kafkaErrors.clusterAuthorizationFailed)
  })
}
