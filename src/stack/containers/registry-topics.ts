import { kafkaConfigSchema } from '../../base/config.ts'
import { connectKafka } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import { createTopic } from '../../clients/kafka/topic-admin.ts'
import type { Run } from './run.ts'

const names = ['kafkasql-journal', 'kafkasql-snapshots', 'registry-events']
const configs = { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1', 'min.insync.replicas': '1' }

/** As embedded/registry-topics.ts, which tells why. */
export async function createRegistryTopics(run: Run): Promise<void> {
  const config = kafkaConfigSchema.parse({ bootstrapServers: [`127.0.0.1:${run.state.ports.kafka}`] })
  await using client = await connectKafka(config, run.context)
  const there = new Set((await client.retrying(() => client.topics(names))).map(({ name }) => name))
  for (const name of names) {
    if (!there.has(name)) await createTopic(client, { name, partitions: 1, replicationFactor: 1, configs })
  }
  await listOffsets(client, new Map(names.map((name) => [name, [0]])), 'latest')
}
