import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { connectKafka, type KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { describeTopicConfigs } from '../../clients/kafka/topic-admin.ts'
import { matchesAny } from './match-names.ts'

export interface TopicInfo {
  name: string
  /** UUID: a topic deleted and made again under its name has another. */
  topicId: string
  partitions: number
  replicationFactor: number
  /** Values set on the topic itself; read-only and sensitive ones left out. */
  configs: Record<string, string>
  internal: boolean
}

/** Kept by the brokers, useless or unwritable elsewhere: never selected. Group positions travel by their own API. */
const brokersOwn = new Set(['__consumer_offsets', '__transaction_state', '__cluster_metadata', '__share_group_state', '__remote_log_metadata'])

/** The topics that the configuration selects, ordered by name. Throws `topic-pattern-empty` for an include pattern that matches nothing. */
export async function selectTopics(config: KafkaConfig, context: Context): Promise<TopicInfo[]> {
  await using client = await connectKafka(config, context)
  const { topics, unmatched } = await selectFrom(client, config)
  if (unmatched.length > 0) {
    throw new DatapipeError('topic-pattern-empty', `no topic matches ${unmatched.join(', ')}`, { path: 'datapipe.yaml: kafka.topics.include' })
  }
  return topics
}

/** The same without the refusal: for targets that may be empty. `unmatched` are the include patterns without a topic. */
export async function selectFrom(client: KafkaClient, config: KafkaConfig): Promise<{ topics: TopicInfo[]; unmatched: string[] }> {
  const all = (await client.retrying(() => client.topics())).filter(({ name }) => !brokersOwn.has(name))
  const { include, exclude } = config.topics
  const unmatched = include.filter((pattern) => !all.some(({ name }) => matchesAny(name, [pattern])))
  const selected = all.filter(({ name }) => matchesAny(name, include) && !matchesAny(name, exclude))
  const configs = await describeTopicConfigs(
    client,
    selected.map(({ name }) => name),
  )
  const topics = selected.map(({ name, topicId, internal, partitions }) => ({
    name,
    topicId,
    internal,
    partitions: partitions.length,
    replicationFactor: partitions[0]?.replicas.length ?? 1,
    configs: ownConfigs(configs.get(name) ?? []),
  }))
  return { topics: topics.sort((a, b) => (a.name < b.name ? -1 : 1)), unmatched }
}

/** The values set on the topic itself that can be set again elsewhere. */
export function ownConfigs(
  entries: { name: string; value: string | null; ownValue: boolean; readOnly: boolean; sensitive: boolean }[],
): Record<string, string> {
  const own = entries.filter((entry) => entry.ownValue && !entry.readOnly && !entry.sensitive && entry.value !== null)
  return Object.fromEntries(own.map(({ name, value }) => [name, value ?? ''] as const).sort(([a], [b]) => (a < b ? -1 : 1)))
}
