import type { KafkaClient, TopicMetadata } from '../../clients/kafka/kafka-client.ts'
import type { KafkaRecord } from '../../clients/kafka/records.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { liveRecords, storedRecords } from './committed-records.ts'
import { compareRecords } from './compare-records.ts'
import type { TopicPart } from './part.ts'

export interface LoadedBeforeOptions {
  client: KafkaClient
  reader: ArtifactReader
  /** As it would be restored: narrowed to what is wanted of it. */
  topic: TopicPart
  found: TopicMetadata
  /** First and end offset of each partition of the target. */
  bounds: ReadonlyMap<number, { start: bigint; end: bigint }>
}

/**
 * What a restore that was killed has left in a topic: the number of records by partition, when each partition holds exactly the first committed
 * records of the stored one, and no offset more or less; undefined when one does not. Both sides are read.
 */
export async function loadedBefore({ client, reader, topic, found, bounds }: LoadedBeforeOptions): Promise<Map<number, bigint> | undefined> {
  const counts = new Map<number, bigint>()
  for (const part of topic.partitions) {
    const { partition } = part
    const { start, end } = bounds.get(partition) ?? { start: 0n, end: 0n }
    const count = end - start
    if (start !== 0n || count > part.committedRecords) return undefined
    counts.set(partition, count)
    if (count === 0n) continue
    const live = liveRecords({ client, lane: 'loaded before', topic: found.name, topicId: found.topicId, partition, from: start, end })
    const { findings } = await compareRecords(firstOf(storedRecords(reader, topic.name, part), count), live, {
      item: `${topic.name}/${partition}`,
      sides: ['the backup', 'the topic'],
      sameOffsets: false,
      limit: 1,
      positions: [[], []],
    })
    if (findings.length > 0) return undefined
  }
  return counts
}

async function* firstOf(records: AsyncGenerator<KafkaRecord[]>, count: bigint): AsyncGenerator<KafkaRecord[]> {
  let left = Number(count)
  for await (const some of records) {
    yield some.slice(0, left)
    left -= some.length
    if (left <= 0) return
  }
}
