import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import type { Finding } from '../../base/finding.ts'
import { connectKafka, type KafkaClient } from '../../clients/kafka/kafka-client.ts'
import type { ArtifactWriter } from '../../repository/artifact.ts'
import type { ArtifactSummary } from './artifact-summary.ts'
import { type BackedUpPartition, backupPartition } from './backup-partition.ts'
import type { FrozenTopics } from './freeze.ts'
import { goOn } from './go-on.ts'
import { inLanes } from './in-lanes.ts'
import type { GroupSnapshot, KafkaPart, PartitionPart, TopicPart } from './part.ts'
import { type EarlierTopics, writeProgress } from './progress-file.ts'
import { joinSchemaIds, mergeSchemaIds } from './schema-ids.ts'
import type { TopicInfo } from './select-topics.ts'

export interface BackupTopicsOptions {
  config: KafkaConfig
  topics: TopicInfo[]
  frozen: FrozenTopics
  /** What earlier backups have stored of these topics: only what came since is stored now. */
  earlier?: EarlierTopics | undefined
  writer: ArtifactWriter
  context: Context
  /** Partitions read at the same time (default 4) and bytes of one fetch (default 2 MiB): together they bound the memory. */
  lanes?: number
  fetchBytes?: number
}

export interface BackedUpTopics {
  clusterId: string
  brokers: number
  features: Record<string, string>
  topics: TopicPart[]
  findings: Finding[]
  /** Stored by this run. */
  bytes: number
  /** Records of the backup, those in files of earlier ones too, that are not control records and not aborted. */
  records: bigint
}

/**
 * Stores every partition of the topics up to its frozen end as RecordBatch bytes verbatim. Findings of grade harm mean that the backup
 * is incomplete. Work of an interrupted run and of earlier backups is gone on with. Throws `kafka-corrupt`, `unreachable`, `storage-failed`.
 */
export async function backupTopics(options: BackupTopicsOptions): Promise<BackedUpTopics> {
  const { partitions, ...backedUp } = await storeTopics(options)
  await writeProgress(
    options.writer,
    backedUp.topics.map(({ name, topicId }) => ({ name, topicId, partitions: partitions.filter(({ topic }) => topic === name).map(progressOf) })),
  )
  return backedUp
}

/** One partition that was stored, with the summaries of all its files. */
export interface StoredPartition {
  topic: string
  part: PartitionPart
  summaries: ArtifactSummary[]
}

const progressOf = ({ part: { partition }, summaries }: StoredPartition) => ({ partition, summaries })

/** The same for the partitions that `frozen` names, without the file that the next backup goes on from: the topics may be stored in shards. */
export async function storeTopics(options: BackupTopicsOptions): Promise<BackedUpTopics & { partitions: StoredPartition[] }> {
  const { config, topics, frozen, writer, context } = options
  await using client = await connectKafka(config, context)
  const { plans, findings: surprises } = await goOn({ client, topics, frozen, earlier: options.earlier, writer })
  const done = new Map<string, BackedUpPartition>()
  const findings = [...frozen.findings, ...surprises]
  let progress = 0
  const work = topics.flatMap((topic) => (frozen.topics.get(topic.name) ?? []).map((partition) => ({ topic, partition })))
  await inLanes(work, options.lanes ?? 4, async ({ topic, partition }, lane) => {
    const key = `${topic.name}/${partition.partition}`
    const { before, round } = plans.get(key) ?? { before: [], round: 1 }
    const result = await backupPartition(
      {
        client,
        lane: `fetch ${lane}`,
        topic,
        frozen: partition,
        writer,
        fetchBytes: options.fetchBytes ?? 2 * 1024 * 1024,
        compression: config.storeCompression,
        onBytes: (bytes) => {
          progress += bytes
          context.emit({ type: 'progress', task: 'kafka backup', done: progress, unit: 'bytes' })
        },
      },
      before,
      round,
    )
    done.set(key, result)
    findings.push(...result.findings)
    // Records are asked for by the topic's name: it is still the same one after the last of them, or nobody knows whose they are.
    if (!result.findings.some(({ code }) => code === 'topic-gone') && !(await isStill(client, topic))) findings.push(ofEither(key))
  })
  const now = await client.retrying(() => client.topics(topics.map(({ name }) => name)))
  findings.push(...replacedTopics(now, topics, findings))
  const parts = topics.map((topic) => assembleTopic(topic, frozen, done))
  const partitions = work.flatMap(({ topic, partition }) => {
    const stored = done.get(`${topic.name}/${partition.partition}`)
    return stored === undefined ? [] : [{ topic: topic.name, part: stored.part, summaries: stored.summaries }]
  })
  const results = [...done.values()]
  return {
    clusterId: client.clusterId,
    brokers: client.brokers.length,
    // A broker that has died meanwhile is not asked: those that live say which ones do.
    features: await client.retrying(async () => {
      await client.topics([])
      return client.features()
    }),
    topics: parts,
    partitions,
    findings,
    bytes: results.reduce((sum, { bytes }) => sum + bytes, 0),
    records: results.reduce((sum, { part }) => sum + part.committedRecords, 0n),
  }
}

/**
 * Puts together what shards have stored of one topic, partitions in order, and remembers it for the next backup. `topics` are the parts
 * that `storeTopics` gave for no partition at all.
 */
export async function joinShards(topics: TopicPart[], stored: StoredPartition[], writer: ArtifactWriter): Promise<TopicPart[]> {
  const own = (name: string) => stored.filter(({ topic }) => topic === name).sort((a, b) => a.part.partition - b.part.partition)
  await writeProgress(
    writer,
    topics.map(({ name, topicId }) => ({ name, topicId, partitions: own(name).map(progressOf) })),
  )
  return topics.map((topic) => ({
    ...topic,
    partitions: own(topic.name).map(({ part }) => part),
    schemaIds: mergeSchemaIds(own(topic.name).map(({ summaries }) => joinSchemaIds(summaries.map(({ schemaIds }) => schemaIds)))),
  }))
}

/** The component's part of the manifest. `kindOf` names the kind of a topic, when the caller knows it. */
export function assembleKafkaPart(
  backedUp: BackedUpTopics,
  groups: GroupSnapshot[],
  kindOf: (topic: string) => TopicPart['kind'] = () => undefined,
): KafkaPart {
  const { clusterId, brokers, features } = backedUp
  const topics = backedUp.topics.map((topic) => {
    const kind = kindOf(topic.name)
    return kind === undefined ? topic : { ...topic, kind }
  })
  return { format: 1, clusterId, brokers, features, topics, groups }
}

function assembleTopic(topic: TopicInfo, frozen: FrozenTopics, done: Map<string, BackedUpPartition>): TopicPart {
  const partitions = (frozen.topics.get(topic.name) ?? []).flatMap(({ partition }) => done.get(`${topic.name}/${partition}`) ?? [])
  return {
    name: topic.name,
    topicId: topic.topicId,
    replicationFactor: topic.replicationFactor,
    configs: topic.configs,
    partitions: partitions.map(({ part }) => part),
    schemaIds: mergeSchemaIds(partitions.map(({ schemaIds }) => schemaIds)),
  }
}

async function isStill(client: KafkaClient, { name, topicId }: TopicInfo): Promise<boolean> {
  return (await client.retrying(() => client.topics([name]))).some((found) => found.topicId === topicId)
}

function ofEither(item: string): Finding {
  return {
    severity: 'harm',
    code: 'topic-gone',
    component: 'kafka',
    item,
    message: "the topic was deleted or made anew while it was read: what is stored of the partition may be the new topic's",
    next: 'back up again',
  }
}

/** Gone after all of their partitions were read. */
function replacedTopics(now: { name: string; topicId: string }[], topics: TopicInfo[], known: Finding[]): Finding[] {
  const ids = new Map(now.map(({ name, topicId }) => [name, topicId]))
  return topics
    .filter(({ name, topicId }) => ids.get(name) !== topicId && !known.some(({ code, item }) => code === 'topic-gone' && item.startsWith(`${name}/`)))
    .map(({ name }) => ({
      severity: 'warning' as const,
      code: 'topic-gone',
      component: 'kafka' as const,
      item: name,
      message: 'the topic was deleted or made anew after it was read: the backup holds it as it was',
    }))
}
