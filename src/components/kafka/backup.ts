import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import type { Finding } from '../../base/finding.ts'
import { connectKafka } from '../../clients/kafka/kafka-client.ts'
import type { ArtifactWriter } from '../../repository/artifact.ts'
import { type BackedUpPartition, backupPartition, type RememberedPartition } from './backup-partition.ts'
import type { FrozenPartition, FrozenTopics } from './freeze.ts'
import { inLanes } from './in-lanes.ts'
import type { GroupSnapshot, KafkaPart, TopicPart } from './part.ts'
import { partitionProgressSchema } from './partition-progress.ts'
import { mergeSchemaIds } from './schema-ids.ts'
import type { TopicInfo } from './select-topics.ts'

export interface BackupTopicsOptions {
  config: KafkaConfig
  topics: TopicInfo[]
  frozen: FrozenTopics
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
  bytes: number
  /** Records stored that are not control records and not aborted. */
  records: bigint
}

/**
 * Stores every partition of the topics up to its frozen end as RecordBatch bytes verbatim. Findings of grade harm mean that the backup
 * is incomplete. Work of an interrupted run is gone on with. Throws `kafka-corrupt`, `unreachable`, `storage-failed`.
 */
export async function backupTopics(options: BackupTopicsOptions): Promise<BackedUpTopics> {
  const { config, topics, frozen, writer, context } = options
  await using client = await connectKafka(config, context)
  const remembered = rememberedPartitions(writer)
  const done = new Map<string, BackedUpPartition>()
  const findings = [...frozen.findings]
  let progress = 0
  const work = topics.flatMap((topic) => (frozen.topics.get(topic.name) ?? []).map((partition) => ({ topic, partition })))
  await inLanes(work, options.lanes ?? 4, async ({ topic, partition }, lane) => {
    const key = `${topic.name}/${partition.partition}`
    const before = remembered.get(key)
    const goOn = before !== undefined && isUsable(before, topic, partition)
    const result = await backupPartition(
      {
        client,
        lane: `fetch ${lane}`,
        topic,
        frozen: partition,
        writer,
        fetchBytes: options.fetchBytes ?? 2 * 1024 * 1024,
        onBytes: (bytes) => {
          progress += bytes
          context.emit({ type: 'progress', task: 'kafka backup', done: progress, unit: 'bytes' })
        },
      },
      goOn ? before : undefined,
      before === undefined ? 1 : goOn ? before.round : before.round + 1,
    )
    done.set(key, result)
    findings.push(...result.findings)
  })
  const now = await client.retrying(() => client.topics(topics.map(({ name }) => name)))
  findings.push(...replacedTopics(now, topics, findings))
  const parts = topics.map((topic) => assembleTopic(topic, frozen, done))
  const results = [...done.values()]
  return {
    clusterId: client.clusterId,
    brokers: client.brokers.length,
    features: await client.features(),
    topics: parts,
    findings,
    bytes: results.reduce((sum, { bytes }) => sum + bytes, 0),
    records: results.reduce((sum, { part }) => sum + part.committedRecords, 0n),
  }
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

/** What an interrupted run remembered, per `topic/partition`, the newest round of each. */
function rememberedPartitions(writer: ArtifactWriter): Map<string, RememberedPartition> {
  const found = new Map<string, RememberedPartition>()
  for (const { key, note, artifacts } of writer.notes()) {
    const match = /^kafka\/([^/]+)\/(\d+)\/(\d+)\/\d+$/.exec(key)
    if (match === null) continue
    const name = `${decodeURIComponent(match[1] ?? '')}/${match[2]}`
    const round = Number(match[3])
    const known = found.get(name)
    const entry = known === undefined || known.round < round ? { progress: [], artifacts: [], round } : known
    found.set(name, entry)
    const progress = partitionProgressSchema.safeDecode(note as never)
    if (!progress.success || artifacts.length !== 1) continue
    // A note that another version wrote, or whose file is gone, ends what can be used of this partition: the counts then do not add up.
    if ((entry.progress.at(-1)?.records ?? 0n) + progress.data.artifact.records !== progress.data.records) continue
    entry.progress.push(progress.data)
    entry.artifacts.push(...artifacts)
  }
  return found
}

/** True when remembered work fits the partition as it is now: the same topic, and nothing missing between its end and today's start. */
function isUsable(remembered: RememberedPartition, topic: TopicInfo, frozen: FrozenPartition): boolean {
  const last = remembered.progress.at(-1)
  if (last === undefined || last.topicId !== topic.topicId) return false
  return last.startOffset <= frozen.startOffset && frozen.startOffset <= last.nextOffset && last.nextOffset <= frozen.endOffset
}

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
