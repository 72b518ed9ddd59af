import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { connectKafka } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import { createTopic } from '../../clients/kafka/topic-admin.ts'

const names = ['kafkasql-journal', 'kafkasql-snapshots', 'registry-events']
/** What Apicurio 3.3.3 sets itself. */
const configs = { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1', 'min.insync.replicas': '1' }

/**
 * Makes the registry's topics where they are missing, and waits until they are served. Apicurio makes them itself, but reads them in the
 * same breath, and ends with UnknownTopicOrPartition when a busy broker has not spread the word yet.
 */
export async function createRegistryTopics(config: KafkaConfig, context: Context): Promise<void> {
  await using client = await connectKafka(config, context)
  const there = new Set((await client.retrying(() => client.topics(names))).map(({ name }) => name))
  for (const name of names) {
    if (!there.has(name)) await createTopic(client, { name, partitions: 1, replicationFactor: 1, configs })
  }
  await listOffsets(client, new Map(names.map((name) => [name, [0]])), 'latest')
}
