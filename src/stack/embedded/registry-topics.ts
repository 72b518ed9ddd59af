import { kafkaConfigSchema } from '../../base/config.ts'
import { connectKafka } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import { createTopic } from '../../clients/kafka/topic-admin.ts'
import type { Run } from './run.ts'
import { kafkaSecurity } from './security.ts'

const names = ['kafkasql-journal', 'kafkasql-snapshots', 'registry-events']
/** What Apicurio 3.3.3 sets itself. */
const configs = { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1', 'min.insync.replicas': '1' }

/**
 * Makes the registry's topics where they are missing, and waits until they are served. Apicurio makes them itself, but reads them in the
 * same breath, and ends with UnknownTopicOrPartition when a busy broker has not spread the word yet.
 */
export async function createRegistryTopics(run: Run): Promise<void> {
  const config = kafkaConfigSchema.parse({ bootstrapServers: [`127.0.0.1:${run.state.ports.kafka}`], ...kafkaSecurity(run, 'text') })
  await using client = await connectKafka(config, run.context)
  const there = new Set((await client.retrying(() => client.topics(names))).map(({ name }) => name))
  for (const name of names) {
    if (!there.has(name)) await createTopic(client, { name, partitions: 1, replicationFactor: 1, configs })
  }
  await listOffsets(client, new Map(names.map((name) => [name, [0]])), 'latest')
}
