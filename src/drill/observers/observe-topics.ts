import kafkajs from 'kafkajs'
import { type KafkaServer, kafkaClient } from './kafka-connection.ts'
import type { ObservedTopicConfig } from './observation.ts'

/** The brokers' own topics. Others begin with two underscores too, Debezium's heartbeats for one. */
const internal = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state'])

/** Partition count, replication factor and the configuration set on each topic. All topics but the brokers' own when none are named. */
export async function observeTopics(server: KafkaServer, topics?: string[]): Promise<ObservedTopicConfig[]> {
  const admin = kafkaClient(server).admin()
  await admin.connect()
  try {
    const wanted = (topics ?? (await admin.listTopics()).filter((name) => !internal.has(name))).sort()
    if (wanted.length === 0) return []
    const [{ topics: metadata }, { resources }] = [
      await admin.fetchTopicMetadata({ topics: wanted }),
      await admin.describeConfigs({
        includeSynonyms: false,
        resources: wanted.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
      }),
    ]
    return wanted.map((topic) => {
      const partitions = metadata.find((one) => one.name === topic)?.partitions ?? []
      const entries = resources.find((one) => one.resourceName === topic)?.configEntries ?? []
      const set = entries
        .filter((entry) => entry.configSource === kafkajs.ConfigSource.TOPIC_CONFIG)
        .map((entry) => [entry.configName, entry.configValue] as const)
      return {
        topic,
        partitions: partitions.length,
        replicationFactor: partitions[0]?.replicas.length ?? 0,
        configs: Object.fromEntries(set.sort(([a], [b]) => (a < b ? -1 : 1))),
      }
    })
  } finally {
    await admin.disconnect()
  }
}
