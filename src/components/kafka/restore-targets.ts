import { DatapipeError, describeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { kafkaCodeOf, kafkaErrors } from '../../clients/kafka/failure.ts'
import type { KafkaClient, TopicMetadata } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import { brokerSettings, describeTopicConfigs, topicSettings, tryCreateTopic, tryTopicConfig } from '../../clients/kafka/topic-admin.ts'
import { acceptConfigs } from './accepted-configs.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { loadConfig } from './load-config.ts'
import { loadedBefore } from './loaded-before.ts'
import type { KafkaPart, PartitionPart, TopicPart } from './part.ts'
import { checkRange, hasTimes, narrowTopic, rangeOfTopic } from './record-range.ts'
import { retentionFindings } from './retention-findings.ts'
import { ownConfigs } from './select-topics.ts'
import type { TopicChoices } from './topic-choices.ts'

export interface RestoreTarget {
  /** As in the backup, narrowed to what is restored of it. */
  topic: TopicPart
  /** Its name in the target. */
  name: string
  /** How many it has there; others than in the backup: its records are spread anew. */
  partitions: number
  replicationFactor: number
  /** The topic that is there already: its own configuration. Undefined when it has to be created. */
  existing: { configs: Record<string, string> } | undefined
  /** Records that it has from a restore that was killed, by partition; none of an empty topic. */
  loaded: ReadonlyMap<number, bigint>
  /** What it is configured with while it is loaded. */
  loading: Record<string, string>
  /** What of its own configuration the target accepts: what it ends up with. */
  configs: Record<string, string>
  /** The largest batch that it will take, by its own setting or the brokers'; undefined when they do not tell. */
  maxMessageBytes: number | undefined
  /** What is not as it was. */
  findings: Finding[]
  /** What of it will not stay, by the bytes of its partitions. */
  retention: (bytesOf: (part: PartitionPart) => number) => Finding[]
}

export interface TargetOptions extends TopicChoices {
  part: KafkaPart
  /** Names of the topics to restore, as in the backup. */
  topics: string[]
  /** With it a topic is gone on with that a killed restore has left: configured for the load, and holding the first records of the backup's alone. */
  reader?: ArtifactReader | undefined
  now: Date
}

/**
 * Looks at what is there and refuses what would go wrong, of all topics at once. Throws `target-not-empty` for topics with records (but those of a killed restore),
 * `partitions-differ` for another number of partitions than wanted, `not-supported` when the cluster has fewer brokers than a topic has
 * replicas and no `replicationFactor` was given, `rename-refused` for a name that the cluster refuses, `backup-not-found` for a topic that
 * the backup lacks, `usage` for a range that names another partition.
 */
export async function lookAtTargets(client: KafkaClient, options: TargetOptions): Promise<RestoreTarget[]> {
  const look = () =>
    lookOnce(client, options).catch((error: unknown) => {
      // Made a moment ago: the controller knows it, the broker that was asked does not yet.
      if (kafkaCodeOf(error) === kafkaErrors.topicAlreadyExists) return undefined
      throw error
    })
  return waitUntil(look, { what: 'the brokers to know a topic that was just created', timeoutMs: 60_000, signal: client.context.signal })
}

async function lookOnce(client: KafkaClient, options: TargetOptions): Promise<RestoreTarget[]> {
  const parts = options.topics.map((name) => {
    const topic = options.part.topics.find((candidate) => candidate.name === name)
    if (topic === undefined)
      throw new DatapipeError('backup-not-found', `the backup has no topic ${name}`, { hint: 'run `datapipe show` for its topics' })
    return topic
  })
  if (options.range) checkRange(parts, options.range)
  const nameOf = ({ name }: TopicPart) => options.names?.get(name) ?? name
  const countOf = ({ name, partitions }: TopicPart) => options.repartition?.get(name) ?? partitions.length
  const there = new Map((await client.retrying(() => client.topics(parts.map(nameOf)))).map((topic) => [topic.name, topic]))
  const narrowed = (topic: TopicPart) => {
    const range = rangeOfTopic(options.range, topic.name)
    return range === undefined ? topic : narrowTopic(topic, range)
  }
  const loaded = await refuseExisting(
    client,
    parts.flatMap((topic) => {
      const found = there.get(nameOf(topic))
      return found === undefined ? [] : [{ topic: narrowed(topic), found, wanted: countOf(topic) }]
    }),
    options,
  )
  const factorOf = (topic: TopicPart) =>
    there.get(nameOf(topic))?.partitions[0]?.replicas.length ?? options.replicationFactor ?? topic.replicationFactor
  refuseFactors(
    parts.filter((topic) => !there.has(nameOf(topic))).map((topic) => ({ name: nameOf(topic), factor: factorOf(topic) })),
    client.brokers.length,
  )
  const [described, ofBroker, known] = await Promise.all([
    describeTopicConfigs(client, [...there.keys()]),
    brokerSettings(client),
    parts.length > 0 ? topicSettings(client) : undefined,
  ])
  const interval = ofBroker?.get('log.retention.check.interval.ms')
  const targets: RestoreTarget[] = []
  for (const topic of parts) {
    const [name, partitions, replicationFactor] = [nameOf(topic), countOf(topic), factorOf(topic)]
    const exists = there.has(name)
    const attempt = (configs: Record<string, string>) =>
      exists ? tryTopicConfig(client, name, configs) : tryCreate(client, { name, partitions, replicationFactor, configs })
    const { configs, findings } = await acceptConfigs({ topic: name, wanted: topic.configs, replicationFactor, settings: known, attempt })
    const inSync = configs['min.insync.replicas']
    const settings = new Map([...(known ?? []), ...Object.entries(configs)])
    const largest = configs['max.message.bytes'] ?? ofBroker?.get('message.max.bytes')
    const checkEveryMs = interval == null ? undefined : BigInt(interval)
    targets.push({
      topic: narrowed(topic),
      name,
      partitions,
      replicationFactor,
      existing: exists ? { configs: ownConfigs(described.get(name) ?? []) } : undefined,
      loaded: loaded.get(name) ?? new Map(),
      // Without it the cluster's default would hold, which may ask for more replicas than there are.
      loading: { ...loadConfig(ofBroker), ...(inSync === undefined ? {} : { 'min.insync.replicas': inSync }) },
      configs,
      maxMessageBytes: largest == null ? undefined : Number(largest),
      findings,
      retention: (bytesOf) => retentionFindings({ topic: narrowed(topic), name, settings, checkEveryMs, now: options.now, bytesOf }),
    })
  }
  return targets
}

interface Found {
  topic: TopicPart
  found: TopicMetadata
  wanted: number
}

/** Gives what topics hold from a restore that was killed, by name. */
async function refuseExisting(client: KafkaClient, existing: Found[], options: TargetOptions): Promise<Map<string, Map<number, bigint>>> {
  const occupied: string[] = []
  const loaded = new Map<string, Map<number, bigint>>()
  for (const each of existing) {
    const seen = await recordsIn(client, each, options)
    if (typeof seen === 'string') occupied.push(seen)
    else loaded.set(each.found.name, seen)
  }
  if (occupied.length > 0) throw new DatapipeError('target-not-empty', occupied.join('; '), { path: 'kafka/topics' })
  const differing = existing.filter(({ found, wanted }) => found.partitions.length !== wanted)
  const [first] = differing
  if (first === undefined) return loaded
  const words = differing.map(({ topic, found, wanted }) => {
    const origin = wanted === topic.partitions.length ? 'the backup has' : '--repartition wants'
    return `topic ${found.name} exists with ${found.partitions.length} partitions, ${origin} ${wanted}`
  })
  throw new DatapipeError('partitions-differ', words.join('; '), {
    path: `kafka/topics/${first.found.name}`,
    hint: `delete it, or spread its records by key: --repartition ${differing.map(({ topic, found }) => `${topic.name}=${found.partitions.length}`).join(' ')}`,
  })
}

/** What the topic holds that the restore would load first; why it cannot be loaded otherwise. */
async function recordsIn(client: KafkaClient, { topic, found, wanted }: Found, options: TargetOptions): Promise<Map<number, bigint> | string> {
  const { name, partitions } = found
  const asked = new Map([[name, partitions.map(({ partition }) => partition)]])
  const starts = (await listOffsets(client, asked, 'earliest')).get(name)
  const ends = (await listOffsets(client, asked, 'latest')).get(name)
  const bounds = new Map(partitions.map(({ partition }) => [partition, { start: starts?.get(partition) ?? 0n, end: ends?.get(partition) ?? 0n }]))
  const filled = [...bounds].find(([, { start, end }]) => start !== end)
  if (filled === undefined) return new Map()
  const { reader } = options
  // Only where records lie in their order, one after the other, does the end tell how far the load had come.
  const inOrder = !options.preserveOffsets && !hasTimes(options.range) && wanted === topic.partitions.length && partitions.length === wanted
  const loaded =
    inOrder && reader !== undefined && (await isBeingLoaded(client, name)) ? await loadedBefore({ client, reader, topic, found, bounds }) : undefined
  const [partition, { start, end }] = filled
  return loaded ?? `topic ${name} has records: partition ${partition} holds offsets ${start} to ${end}`
}

/** Is the topic configured as for a load? Nobody else configures one so, and a restore that ends puts its own configuration back. */
async function isBeingLoaded(client: KafkaClient, name: string): Promise<boolean> {
  const [described, ofBroker] = await Promise.all([describeTopicConfigs(client, [name]), brokerSettings(client)])
  const now = ownConfigs(described.get(name) ?? [])
  return Object.entries(loadConfig(ofBroker)).every(([key, value]) => now[key] === value)
}

/** A factor is never chosen for anybody: fewer replicas than before is a decision. */
function refuseFactors(created: { name: string; factor: number }[], brokers: number): void {
  const impossible = created.filter(({ factor }) => factor > brokers)
  const [first] = impossible
  if (first === undefined) return
  const words = impossible.slice(0, 5).map(({ name, factor }) => `topic ${name} has ${factor} replicas`)
  const more = impossible.length > 5 ? ` and ${impossible.length - 5} more` : ''
  throw new DatapipeError('not-supported', `${words.join(', ')}${more}, and the cluster ${brokers} brokers`, {
    path: `kafka/topics/${first.name}`,
    hint: `add brokers, or say that fewer copies are enough: --replication-factor ${brokers} (kafka.restore.replicationFactor: ${brokers} in datapipe.yaml)`,
  })
}

async function tryCreate(client: KafkaClient, topic: Parameters<typeof tryCreateTopic>[1]): Promise<void> {
  try {
    await tryCreateTopic(client, topic)
  } catch (error) {
    if (kafkaCodeOf(error) !== kafkaErrors.invalidTopic) throw error
    throw new DatapipeError('rename-refused', `the cluster refuses a topic ${topic.name}: ${describeError(error)}`, {
      path: `kafka/topics/${topic.name}`,
      cause: error,
    })
  }
}
