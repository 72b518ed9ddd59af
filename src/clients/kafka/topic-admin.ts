import { createTopicsV7, deleteRecordsV2, deleteTopicsV6, describeConfigsV4, incrementalAlterConfigsV1 } from '@platformatic/kafka'
import { kafkaCodeOf, kafkaErrors, throwOnError } from './failure.ts'
import type { KafkaClient } from './kafka-client.ts'

const topicResource = 2
const brokerResource = 4
const requestTimeoutMs = 30_000

export interface TopicConfigEntry {
  name: string
  value: string | null
  readOnly: boolean
  sensitive: boolean
  /** True for a value set on this very topic; false for defaults of broker and cluster. */
  ownValue: boolean
}

/** Every configuration entry of each topic. */
export async function describeTopicConfigs(client: KafkaClient, topics: string[]): Promise<Map<string, TopicConfigEntry[]>> {
  if (topics.length === 0) return new Map()
  return client.retrying(async () => {
    const resources = topics.map((resourceName) => ({ resourceType: topicResource, resourceName, configurationKeys: null }))
    // The driver's type wants a list of keys; null is the protocol's "all of them", an empty list would be "none".
    const answer = await client.call(await client.broker(), 'main', [describeConfigsV4.api], resources as never, false, false)
    const found = new Map<string, TopicConfigEntry[]>()
    for (const { errorCode, errorMessage, resourceName, configs } of answer.results) {
      throwOnError(errorCode, `describe topic ${resourceName}`, errorMessage)
      found.set(
        resourceName,
        configs.map(({ name, value, readOnly, isSensitive, configSource }) => ({
          name,
          value: value ?? null,
          readOnly,
          sensitive: isSensitive,
          ownValue: configSource === 1,
        })),
      )
    }
    return found
  })
}

/**
 * Every setting of a broker with its value (null when it is secret): which settings a topic may have there, with `log.` before most names,
 * depends on its version. Undefined where we may not ask (DescribeConfigs on the cluster).
 */
export async function brokerSettings(client: KafkaClient): Promise<Map<string, string | null> | undefined> {
  return client.retrying(async () => {
    const broker = await client.broker()
    const resources = [{ resourceType: brokerResource, resourceName: String(broker.nodeId), configurationKeys: null }]
    const answer = await client.call(broker, 'main', [describeConfigsV4.api], resources as never, false, false)
    if (answer.results.some(({ errorCode }) => errorCode === kafkaErrors.clusterAuthorizationFailed)) return undefined
    for (const { errorCode, errorMessage, resourceName } of answer.results) throwOnError(errorCode, `describe broker ${resourceName}`, errorMessage)
    return new Map(answer.results.flatMap(({ configs }) => configs.map(({ name, value }) => [name, value ?? null] as const)))
  })
}

export interface NewTopic {
  name: string
  partitions: number
  replicationFactor: number
  configs: Record<string, string>
}

/** Creates one topic at the controller. A KafkaFailure's code tells why not (36 exists, 38 replication factor, 40 config). */
export async function createTopic(client: KafkaClient, topic: NewTopic): Promise<void> {
  await requestTopic(client, topic, false)
}

/** Asks the controller whether it would create the topic, and throws what `createTopic` would. Nothing is made. */
export async function tryCreateTopic(client: KafkaClient, topic: NewTopic): Promise<void> {
  await requestTopic(client, topic, true)
}

/**
 * Every setting that a topic of this cluster may have, with the value that one has without a setting of its own: what the controller answers
 * when asked whether it would create a topic. Undefined where it does not say (a policy against such a topic, no right to create or describe).
 */
export async function topicSettings(client: KafkaClient): Promise<Map<string, string | null> | undefined> {
  const topic = { name: `datapipe-asks-${client.clusterId}`, partitions: 1, replicationFactor: -1, configs: {} }
  try {
    const configs = await requestTopic(client, topic, true)
    return configs == null || configs.length === 0 ? undefined : new Map(configs.map(({ name, value }) => [name, value ?? null]))
  } catch (error) {
    if (mayNotAsk.has(kafkaCodeOf(error))) return undefined
    throw error
  }
}

/** Not authorized for topic or cluster, a policy of the cluster's. */
const mayNotAsk = new Set<number | undefined>([29, kafkaErrors.clusterAuthorizationFailed, 44])

async function requestTopic(client: KafkaClient, topic: NewTopic, validateOnly: boolean) {
  const configs = Object.entries(topic.configs).map(([name, value]) => ({ name, value }))
  const request = { name: topic.name, numPartitions: topic.partitions, replicationFactor: topic.replicationFactor, assignments: [], configs }
  return client.retrying(async () => {
    const answer = await client.call(await client.broker(), 'main', [createTopicsV7.api], [request], requestTimeoutMs, validateOnly)
    for (const { errorCode, errorMessage, name } of answer.topics) throwOnError(errorCode, `create topic ${name}`, errorMessage)
    return answer.topics[0]?.configs
  })
}

/** Asks for the deletion of topics; missing ones are no error. They are not gone when this returns. */
export async function deleteTopics(client: KafkaClient, names: string[]): Promise<void> {
  if (names.length === 0) return
  await client.retrying(async () => {
    const topics = names.map((name) => ({ name, topicId: null }))
    const answer = await client.call(await client.broker(), 'main', [deleteTopicsV6.api], topics, requestTimeoutMs)
    for (const { errorCode, errorMessage, name } of answer.responses) {
      if (errorCode !== kafkaErrors.unknownTopicOrPartition) throwOnError(errorCode, `delete topic ${name}`, errorMessage)
    }
  })
}

/** Sets configuration entries of one topic and removes others, in one step. Throws KafkaFailure code 40 for an unknown key or value. */
export async function alterTopicConfig(client: KafkaClient, topic: string, set: Record<string, string>, remove: string[]): Promise<void> {
  await requestConfig(client, { topic, set, remove, validateOnly: false })
}

/** Asks whether these entries could be set, and throws what `alterTopicConfig` would. Nothing is changed. */
export async function tryTopicConfig(client: KafkaClient, topic: string, set: Record<string, string>): Promise<void> {
  await requestConfig(client, { topic, set, remove: [], validateOnly: true })
}

async function requestConfig(
  client: KafkaClient,
  { topic, set, remove, validateOnly }: { topic: string; set: Record<string, string>; remove: string[]; validateOnly: boolean },
): Promise<void> {
  const configs = [
    ...Object.entries(set).map(([name, value]) => ({ name, configOperation: 0 as const, value })),
    ...remove.map((name) => ({ name, configOperation: 1 as const })),
  ]
  if (configs.length === 0) return
  await client.retrying(async () => {
    const resources = [{ resourceType: topicResource, resourceName: topic, configs }]
    const answer = await client.call(await client.broker(), 'main', [incrementalAlterConfigsV1.api], resources as never, validateOnly)
    for (const { errorCode, errorMessage } of answer.responses) throwOnError(errorCode, `configure topic ${topic}`, errorMessage)
  })
}

/** Moves the log start of a partition to `offset`: everything before it is gone. */
export async function deleteRecords(client: KafkaClient, topic: string, partition: number, offset: bigint): Promise<void> {
  await client.retrying(
    async () => {
      const broker = await client.leaderOf(topic, partition)
      const topics = [{ name: topic, partitions: [{ partitionIndex: partition, offset }] }]
      const answer = await client.call(broker, 'main', [deleteRecordsV2.api], topics, requestTimeoutMs)
      for (const { errorCode } of answer.topics[0]?.partitions ?? []) throwOnError(errorCode, `delete records of ${topic}/${partition}`)
    },
    { onRetry: () => client.forgetLeaders(topic) },
  )
}
