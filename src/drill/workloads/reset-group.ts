import { type KafkaServer, kafkaClient } from '../observers/kafka-connection.ts'

/** The mistake of a tired person: the group begins its topic anew. */
export async function resetGroup(kafka: KafkaServer, { groupId, topic }: { groupId: string; topic: string }): Promise<void> {
  const admin = kafkaClient(kafka).admin()
  await admin.connect()
  try {
    await admin.resetOffsets({ groupId, topic, earliest: true })
  } finally {
    await admin.disconnect()
  }
}
