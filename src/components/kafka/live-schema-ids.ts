import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { connectKafka, type KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import { drainPartition } from './drain-partition.ts'
import type { KafkaPart, TopicPart } from './part.ts'
import { mergeSchemaIds, noSchemaIds, type SchemaIds, scanSchemaIds } from './schema-ids.ts'
import { selectFrom, type TopicInfo } from './select-topics.ts'

export interface LiveSchemaIdsOptions {
  config: KafkaConfig
  /** Of topics that are still the same, what the backup has read is not read again. */
  part: KafkaPart
  /** Topics without data: of registry and workers. */
  without: ReadonlySet<string>
  context: Context
}

/**
 * Schema ids that records carry in the live topics which the configuration selects, in the form of a backup's part: of a topic that the backup
 * has, its own ids and those in what was written since; of any other, those of all records. Throws `unreachable`, `kafka-corrupt`.
 */
export async function liveSchemaIds({ config, part, without, context }: LiveSchemaIdsOptions): Promise<Pick<TopicPart, 'name' | 'schemaIds'>[]> {
  await using client = await connectKafka(config, context)
  const topics = (await selectFrom(client, config)).topics.filter(({ name }) => !without.has(name))
  const found: Pick<TopicPart, 'name' | 'schemaIds'>[] = []
  for (const [index, topic] of topics.entries()) {
    const known = part.topics.find(({ topicId }) => topicId === topic.topicId)
    found.push({ name: topic.name, schemaIds: await idsOf(client, topic, known) })
    context.emit({ type: 'progress', task: 'schema ids of live topics', done: index + 1, total: topics.length, unit: 'items' })
  }
  return found
}

async function idsOf(client: KafkaClient, { name, topicId, partitions }: TopicInfo, known: TopicPart | undefined): Promise<SchemaIds> {
  const wanted = new Map([[name, [...Array(partitions).keys()]]])
  const starts = (await listOffsets(client, wanted, 'earliest')).get(name)
  const ends = (await listOffsets(client, wanted, 'stable')).get(name)
  const scans: SchemaIds[] = known === undefined ? [] : [known.schemaIds]
  for (const partition of wanted.get(name) ?? []) {
    const start = starts?.get(partition) ?? 0n
    const stored = known?.partitions.find((candidate) => candidate.partition === partition)?.endOffset ?? start
    const from = stored > start ? stored : start
    const scanner = scanSchemaIds(partition, noSchemaIds())
    const place = { topic: name, topicId, partition }
    for await (const step of drainPartition({ client, lane: 'schema ids', ...place, from, end: ends?.get(partition) ?? from, fetchBytes: 1 << 20 })) {
      if (step.kind !== 'batches') continue
      // Of a batch that begins before the stored end, records are seen again, which adds no id.
      for (const { bytes, header } of step.batches) if (!header.control) scanner.scan(bytes, header)
      step.release()
    }
    scans.push(scanner.result())
  }
  return mergeSchemaIds(scans)
}

/** True when Kafka still has the very topic of this name that the backup was taken from. */
export async function isSameTopic(config: KafkaConfig, part: KafkaPart, name: string, context: Context): Promise<boolean> {
  const own = part.topics.find((topic) => topic.name === name)
  if (own === undefined) return false
  await using client = await connectKafka(config, context)
  return (await client.topics([name])).some(({ topicId }) => topicId === own.topicId)
}
