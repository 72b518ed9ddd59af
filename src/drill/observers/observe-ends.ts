import { KafkaConnection, type KafkaServer } from './kafka-connection.ts'

/** Where each partition of the topics ends now. */
export async function observeEnds(
  kafka: KafkaServer,
  topics: string[],
): Promise<{ topic: string; partitions: { partition: number; end: string }[] }[]> {
  await using connection = await KafkaConnection.open(kafka, topics)
  const observed = []
  for (const topic of topics) {
    const bounds = await connection.bounds(topic)
    observed.push({ topic, partitions: [...bounds].map(([partition, { end }]) => ({ partition, end: end.toString() })) })
  }
  return observed
}
