import { type KafkaServer, kafkaClient } from './kafka-connection.ts'
import type { ObservedPosition, ObservedTopic } from './observation.ts'

/**
 * Where the groups stand, told by content: the next record they will be given. `topics` are the observed records (the whole of each
 * topic, or up to the recovery point). All groups with committed offsets when none are named.
 */
export async function observeGroups(server: KafkaServer, topics: ObservedTopic[], groups?: string[]): Promise<ObservedPosition[]> {
  const admin = kafkaClient(server).admin()
  await admin.connect()
  try {
    const names = groups ?? (await admin.listGroups()).groups.map((group) => group.groupId)
    const positions: ObservedPosition[] = []
    for (const group of names.sort())
      for (const { topic, partitions } of await admin.fetchOffsets({ groupId: group }))
        for (const { partition, offset, metadata } of partitions)
          if (offset !== '-1') positions.push(locate(topics, { group, topic, partition, committed: offset, metadata: metadata ?? '' }))
    return positions.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
  } finally {
    await admin.disconnect()
  }
}

function sortKey(position: ObservedPosition): string {
  return `${position.group}\n${position.topic}\n${String(position.partition).padStart(6, '0')}`
}

function locate(topics: ObservedTopic[], position: Omit<ObservedPosition, 'before' | 'after' | 'next'>): ObservedPosition {
  const records = topics.find((one) => one.topic === position.topic)?.partitions.find((one) => one.partition === position.partition)?.records ?? []
  const committed = BigInt(position.committed)
  const index = records.findIndex((record) => BigInt(record.offset) >= committed)
  const before = index === -1 ? records.length : index
  return { ...position, before, after: records.length - before, next: records[before] ?? null }
}
