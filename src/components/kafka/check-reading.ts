import { fetchRaw } from '../../clients/kafka/fetch-raw.ts'
import { kafkaErrors, throwOnError } from '../../clients/kafka/failure.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'

/** Topics asked at a time. */
const atOnce = 8

/**
 * Topics of which this user may not read the records: describing them and asking for offsets needs another right, so only a fetch tells. One of
 * each topic, at the end of its first partition: it brings no records. Throws `server-refused` when a broker answers with anything else.
 */
export async function unreadableTopics(client: KafkaClient, ends: ReadonlyMap<string, ReadonlyMap<number, bigint>>): Promise<string[]> {
  const waiting = [...ends]
  const unreadable: string[] = []
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [topic, partitions] = next
      const [first] = partitions
      if (first !== undefined && !(await isReadable(client, topic, ...first))) unreadable.push(topic)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return unreadable.sort()
}

function isReadable(client: KafkaClient, topic: string, partition: number, offset: bigint): Promise<boolean> {
  return client.retrying(
    async () => {
      const broker = await client.leaderOf(topic, partition)
      const { errorCode } = await fetchRaw(client, broker, 'main', { topic, partition, offset, maxBytes: 1, isolation: 1, maxWaitMs: 0 })
      if (errorCode === kafkaErrors.topicAuthorizationFailed) return false
      // What is deleted meanwhile moves the end; that is no matter of rights.
      if (errorCode !== kafkaErrors.offsetOutOfRange) throwOnError(errorCode, `fetch from topic ${topic} partition ${partition}`)
      return true
    },
    { onRetry: () => client.forgetLeaders(topic) },
  )
}
