import { DatapipeError } from '../../base/errors.ts'
import type { KafkaClient, TopicMetadata } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import { brokerSettings, describeTopicConfigs } from '../../clients/kafka/topic-admin.ts'
import { loadConfig } from './load-config.ts'
import type { KafkaPart, TopicPart } from './part.ts'
import { ownConfigs } from './select-topics.ts'

export interface RestoreTarget {
  topic: TopicPart
  replicationFactor: number
  /** The topic that is there already, empty: its own configuration. Undefined when it has to be created. */
  existing: { configs: Record<string, string> } | undefined
  /** What it is configured with while it is loaded. */
  loading: Record<string, string>
}

/**
 * Looks at what is there and refuses what would go wrong. Throws `target-not-empty` for a topic with records or another number of
 * partitions, `not-supported` when the cluster has fewer brokers than a topic has replicas and no `replicationFactor` was given,
 * `backup-not-found` for a topic that the backup lacks.
 */
export async function lookAtTargets(client: KafkaClient, part: KafkaPart, topics: string[], replicationFactor?: number): Promise<RestoreTarget[]> {
  const parts = topics.map((name) => {
    const topic = part.topics.find((candidate) => candidate.name === name)
    if (topic === undefined)
      throw new DatapipeError('backup-not-found', `the backup has no topic ${name}`, { hint: 'run `datapipe show` for its topics' })
    return topic
  })
  const there = new Map((await client.retrying(() => client.topics(topics))).map((topic) => [topic.name, topic]))
  const occupied: string[] = []
  for (const topic of parts) {
    const found = there.get(topic.name)
    if (found !== undefined) occupied.push(...(await whyOccupied(client, topic, found)))
  }
  if (occupied.length > 0) throw new DatapipeError('target-not-empty', occupied.join('; '), { path: 'kafka/topics' })
  const configs = await describeTopicConfigs(client, [...there.keys()])
  const loading = loadConfig(await brokerSettings(client))
  return parts.map((topic) => {
    const factor = there.has(topic.name) ? topic.replicationFactor : (replicationFactor ?? topic.replicationFactor)
    if (!there.has(topic.name) && factor > client.brokers.length) {
      throw new DatapipeError('not-supported', `topic ${topic.name} has ${factor} replicas, and the cluster ${client.brokers.length} brokers`, {
        path: `kafka/topics/${topic.name}`,
        hint: 'add brokers, or make the topic yourself, empty, with fewer replicas: a restore takes it as it is',
      })
    }
    const existing = there.has(topic.name) ? { configs: ownConfigs(configs.get(topic.name) ?? []) } : undefined
    return { topic, replicationFactor: factor, existing, loading }
  })
}

async function whyOccupied(client: KafkaClient, topic: TopicPart, found: TopicMetadata): Promise<string[]> {
  if (found.partitions.length !== topic.partitions.length) {
    return [`topic ${topic.name} exists with ${found.partitions.length} partitions, the backup has ${topic.partitions.length}`]
  }
  const wanted = new Map([[topic.name, found.partitions.map(({ partition }) => partition)]])
  const starts = (await listOffsets(client, wanted, 'earliest')).get(topic.name)
  const ends = (await listOffsets(client, wanted, 'latest')).get(topic.name)
  const filled = found.partitions.find(({ partition }) => starts?.get(partition) !== ends?.get(partition))
  if (filled === undefined) return []
  return [
    `topic ${topic.name} has records: partition ${filled.partition} holds offsets ${starts?.get(filled.partition)} to ${ends?.get(filled.partition)}`,
  ]
}
