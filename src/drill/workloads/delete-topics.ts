import { waitUntil } from '../../base/wait-until.ts'
import { type KafkaServer, kafkaClient } from '../observers/kafka-connection.ts'

/** Deletes those of the topics that are there, and waits until they are gone: a broker says yes before it has done it. */
export async function deleteTopics(kafka: KafkaServer, topics: string[]): Promise<void> {
  const admin = kafkaClient(kafka).admin()
  await admin.connect()
  try {
    const there = async () => (await admin.listTopics()).filter((name) => topics.includes(name))
    await admin.deleteTopics({ topics: await there() })
    await waitUntil(async () => (await there()).length === 0, { what: `${topics.join(', ')} to be gone`, timeoutMs: 60_000, everyMs: 50 })
  } finally {
    await admin.disconnect()
  }
}
