import { signalGroupOf, signalTopicOf } from '../../components/connect/debezium.ts'
import { readStoredConnectors, type StoredConnector } from '../../components/connect/part.ts'
import type { GroupSnapshot, KafkaPart } from '../../components/kafka/part.ts'
import type { Backup } from '../../repository/open-backup.ts'
import type { KafkaRestoreOptions } from './kafka-choices.ts'
import { type Parts, partsOf } from './parts.ts'

/**
 * No signal of before is run again: the groups of signal channels come back behind all of them, or, where groups or this topic's are left
 * alone, the topics come back empty. Whoever restores a part of the topics by name gets what he names.
 */
export async function oldSignals(
  backup: Backup,
  { kafka }: Pick<Parts, 'kafka'>,
  { topics, withoutGroups }: Pick<KafkaRestoreOptions, 'topics' | 'withoutGroups'>,
): Promise<{ part: KafkaPart | undefined; ends: ReadonlyMap<string, bigint> }> {
  const { connect } = partsOf(backup)
  if (kafka === undefined || connect === undefined || topics !== undefined) return { part: kafka, ends: new Map() }
  const connectors = await readStoredConnectors(connect, backup.component('connect'))
  return withoutGroups ? { part: kafka, ends: signalEnds(kafka, connectors) } : { part: behindOldSignals(kafka, connectors), ends: new Map() }
}

/**
 * The part with the groups of Kafka signal channels behind every signal that is restored. A connector whose group has no position reads its
 * signal topic from the beginning, and one whose position was stored a moment before its last signal runs that again: old snapshots, old
 * changes of its configuration. Pure.
 */
export function behindOldSignals(part: KafkaPart, connectors: Pick<StoredConnector, 'config'>[]): KafkaPart {
  const groups = new Map(part.groups.map((group) => [group.groupId, group]))
  for (const { config } of connectors) {
    const name = signalTopicOf(config)
    const topic = part.topics.find((candidate) => candidate.name === name)
    // The channel reads this partition alone.
    const partition = topic?.partitions.find((candidate) => candidate.partition === 0)
    if (topic === undefined || partition === undefined) continue
    const groupId = signalGroupOf(config)
    const group: GroupSnapshot = groups.get(groupId) ?? { groupId, type: 'classic', protocolType: 'consumer', state: 'Empty', offsets: [] }
    const others = group.offsets.filter((offset) => offset.topic !== topic.name || offset.partition !== 0)
    groups.set(groupId, { ...group, offsets: [...others, { topic: topic.name, partition: 0, offset: partition.endOffset, metadata: '' }] })
  }
  return { ...part, groups: [...groups.values()] }
}

/** Topics of signal channels: without groups they are restored empty. Pure. */
export function signalEnds(part: KafkaPart, connectors: Pick<StoredConnector, 'config'>[]): Map<string, bigint> {
  const names = new Set(connectors.map(({ config }) => signalTopicOf(config)))
  return new Map(
    part.topics
      .filter(({ name }) => names.has(name))
      .flatMap(({ name, partitions }) => partitions.map(({ partition, startOffset }) => [`${name}/${partition}`, startOffset] as const)),
  )
}
