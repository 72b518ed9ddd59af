import { throwOnError } from './failure.ts'
import type { Broker, KafkaClient } from './kafka-client.ts'
import { offsetForLeaderEpoch } from './requests/offsets.ts'

/** What a log knows of a leader epoch: the greatest epoch up to the one asked for, and the offset after its last record; -1 for none. */
export interface EpochEnd {
  leaderEpoch: number
  endOffset: bigint
}

/**
 * Asks the leaders where leader epochs end in their logs (KIP-101, KIP-320), keyed topic and partition. A log that has lost or replaced
 * what it once held answers with an earlier epoch, or with a smaller offset. Retries while leaders move.
 */
export async function epochEnds(client: KafkaClient, wanted: Map<string, Map<number, number>>): Promise<Map<string, Map<number, EpochEnd>>> {
  return client.retrying(
    async () => {
      const byBroker = new Map<number, { broker: Broker; topics: Map<string, { partition: number; leaderEpoch: number }[]> }>()
      for (const [topic, epochs] of wanted) {
        for (const [partition, leaderEpoch] of epochs) {
          const broker = await client.leaderOf(topic, partition)
          const entry = byBroker.get(broker.nodeId) ?? { broker, topics: new Map() }
          byBroker.set(broker.nodeId, entry)
          const asked = entry.topics.get(topic) ?? []
          entry.topics.set(topic, asked)
          asked.push({ partition, leaderEpoch })
        }
      }
      const found = new Map<string, Map<number, EpochEnd>>()
      for (const { broker, topics } of byBroker.values()) {
        const asked = [...topics].map(([name, partitions]) => ({ name, partitions }))
        for (const end of await client.call(broker, 'main', offsetForLeaderEpoch, asked)) {
          throwOnError(end.errorCode, `read the end of leader epochs of topic ${end.topic} partition ${end.partition}`)
          const ends = found.get(end.topic) ?? new Map<number, EpochEnd>()
          found.set(end.topic, ends.set(end.partition, { leaderEpoch: end.leaderEpoch, endOffset: end.endOffset }))
        }
      }
      return found
    },
    { onRetry: () => client.forgetLeaders(...wanted.keys()) },
  )
}
