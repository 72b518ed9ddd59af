import type { KafkaPart } from '../../components/kafka/part.ts'
import { narrowTopic } from '../../components/kafka/record-range.ts'
import type { RecoveryPoint } from '../../repository/manifest.ts'

/** By `topic/partition`: where a backup's own point ends partitions that are stored beyond it. Pure. */
export function endsAtPoint({ topics }: KafkaPart, { kafka }: RecoveryPoint): Map<string, bigint> {
  return new Map(
    topics.flatMap(({ name, partitions }) =>
      partitions.flatMap(({ partition, endOffset }) => {
        const end = kafka?.endOffsets[name]?.[String(partition)]
        return end === undefined || BigInt(end) >= endOffset ? [] : [[`${name}/${partition}`, BigInt(end)] as const]
      }),
    ),
  )
}

/** The topics as they are at the backup's own point: for everybody who compares or reads them, but for a check of what is stored. Pure. */
export function atPoint(part: KafkaPart, point: RecoveryPoint): KafkaPart {
  const ends = endsAtPoint(part, point)
  return ends.size === 0 ? part : { ...part, topics: part.topics.map((topic) => narrowTopic(topic, { ends })) }
}
