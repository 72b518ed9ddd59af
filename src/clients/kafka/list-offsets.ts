import { throwOnError } from './failure.ts'
import type { Broker, KafkaClient } from './kafka-client.ts'
import { listOffsetsRequest } from './requests/offsets.ts'

/** `earliest`: log start; `latest`: high watermark; `stable`: last stable offset (the end for read-committed readers). */
export type OffsetKind = 'earliest' | 'latest' | 'stable'

/** The offset of every given partition, keyed `partition`, asked at the leaders. Retries while leaders move. */
export async function listOffsets(client: KafkaClient, wanted: Map<string, number[]>, kind: OffsetKind): Promise<Map<string, Map<number, bigint>>> {
  return client.retrying(
    async () => {
      const byBroker = new Map<number, { broker: Broker; topics: Map<string, number[]> }>()
      for (const [topic, partitions] of wanted) {
        for (const partition of partitions) {
          const broker = await client.leaderOf(topic, partition)
          const entry = byBroker.get(broker.nodeId) ?? { broker, topics: new Map<string, number[]>() }
          byBroker.set(broker.nodeId, entry)
          entry.topics.set(topic, [...(entry.topics.get(topic) ?? []), partition])
        }
      }
      const found = new Map<string, Map<number, bigint>>()
      for (const { broker, topics } of byBroker.values()) {
        const answers = await client.call(broker, 'main', listOffsetsRequest, {
          isolation: kind === 'stable' ? 1 : 0,
          timestamp: kind === 'earliest' ? -2n : -1n,
          topics: [...topics].map(([name, partitions]) => ({ name, partitions })),
        })
        for (const { topic, partition, errorCode, offset } of answers) {
          throwOnError(errorCode, `read the ${kind} offset of topic ${topic} partition ${partition}`)
          found.set(topic, (found.get(topic) ?? new Map<number, bigint>()).set(partition, offset))
        }
      }
      return found
    },
    { onRetry: () => client.forgetLeaders(...wanted.keys()) },
  )
}
