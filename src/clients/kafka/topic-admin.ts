import { kafkaCodeOf, kafkaErrors, throwOnError } from './failure.ts'
import type { KafkaClient } from './kafka-client.ts'
import { alterConfigs, configResources, describeConfigs } from './requests/configs.ts'
import { type CreatedTopic, createTopics, deleteRecordsRequest, deleteTopicsRequest } from './requests/topics.ts'

const timeoutMs = 30_000

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
    const resources = await client.call(await client.broker(), 'main', describeConfigs, { type: configResources.topic, names: topics })
    const found = new Map<string, TopicConfigEntry[]>()
    for (const { errorCode, errorMessage, name, configs } of resources) {
      throwOnError(errorCode, `describe topic ${name}`, errorMessage)
      found.set(
        name,
        configs.map(({ source, ...config }) => ({ ...config, ownValue: source === 1 })),
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
    const resources = await client.call(broker, 'main', describeConfigs, { type: configResources.broker, names: [String(broker.nodeId)] })
    if (resources.some(({ errorCode }) => errorCode === kafkaErrors.clusterAuthorizationFailed)) return undefined
    for (const { errorCode, errorMessage, name } of resources) throwOnError(errorCode, `describe broker ${name}`, errorMessage)
    return new Map(resources.flatMap(({ configs }) => configs.map(({ name, value }) => [name, value] as const)))
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
    return configs === null || configs.length === 0 ? undefined : new Map(configs.map(({ name, value }) => [name, value]))
  } catch (error) {
    if (mayNotAsk.has(kafkaCodeOf(error))) return undefined
    throw error
  }
}

/** Not authorized for topic or cluster, a policy of the cluster's. */
const mayNotAsk = new Set<number | undefined>([29, kafkaErrors.clusterAuthorizationFailed, 44])

async function requestTopic(client: KafkaClient, topic: NewTopic, validateOnly: boolean): Promise<CreatedTopic['configs']> {
  return client.retrying(async () => {
    const topics = await client.call(await client.broker(), 'main', createTopics, { ...topic, timeoutMs, validateOnly })
    for (const { errorCode, errorMessage, name } of topics) throwOnError(errorCode, `create topic ${name}`, errorMessage)
    return topics[0]?.configs ?? null
  })
}

/** Asks for the deletion of topics; missing ones are no error. They are not gone when this returns. */
export async function deleteTopics(client: KafkaClient, names: string[]): Promise<void> {
  if (names.length === 0) return
  await client.retrying(async () => {
    for (const { errorCode, errorMessage, name } of await client.call(await client.broker(), 'main', deleteTopicsRequest, { names, timeoutMs })) {
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
  if (Object.keys(set).length + remove.length === 0) return
  const ask = { type: configResources.topic, name: topic, set, remove, validateOnly }
  await client.retrying(async () => {
    for (const { errorCode, errorMessage } of await client.call(await client.broker(), 'main', alterConfigs, ask)) {
      throwOnError(errorCode, `configure topic ${topic}`, errorMessage)
    }
  })
}

/** Moves the log start of a partition to `offset`: everything before it is gone. */
export async function deleteRecords(client: KafkaClient, topic: string, partition: number, offset: bigint): Promise<void> {
  await client.retrying(
    async () => {
      const broker = await client.leaderOf(topic, partition)
      const partitions = await client.call(broker, 'main', deleteRecordsRequest, { topic, partition, offset, timeoutMs })
      for (const { errorCode } of partitions) throwOnError(errorCode, `delete records of ${topic}/${partition}`)
    },
    { onRetry: () => client.forgetLeaders(topic) },
  )
}
