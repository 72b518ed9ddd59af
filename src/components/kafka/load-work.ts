import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { adoptPartition, type OffsetMap } from './offset-map.ts'
import type { GroupSnapshot, PartitionPart } from './part.ts'
import { preservePartition } from './preserve-partition.ts'
import { hasTimes, rangeOfTopic } from './record-range.ts'
import { restorePartition } from './restore-partition.ts'
import { restoreSelected, spreadTopic } from './restore-records.ts'
import type { RestoreTarget } from './restore-targets.ts'
import type { SpreadPositions } from './spread-positions.ts'
import type { TopicChoices } from './topic-choices.ts'

/** What one lane does at a time: a partition, or a whole topic whose records are spread over other partitions. */
export interface LoadWork {
  target: RestoreTarget
  part: PartitionPart | undefined
}

export interface LoadOptions extends TopicChoices {
  client: KafkaClient
  lane: string
  reader: ArtifactReader
  groups: GroupSnapshot[]
  producer: { producerId: bigint; producerEpoch: number }
  /** Ends before the load, by the names in the target. */
  starts: ReadonlyMap<string, ReadonlyMap<number, bigint>>
  offsetMap: OffsetMap
  onBytes: (bytes: number) => void
}

export interface Loaded {
  records: bigint
  /** Of the batches read, by partition of the backup. */
  bytes: ReadonlyMap<number, number>
  /** Ends that the partitions must have now. */
  ends: { partition: number; end: bigint }[]
  markers?: bigint
  /** Where groups stand, when records were spread. */
  positions?: SpreadPositions
}

export function workOf(targets: RestoreTarget[]): LoadWork[] {
  return targets.flatMap((target): LoadWork[] =>
    target.partitions === target.topic.partitions.length ? target.topic.partitions.map((part) => ({ target, part })) : [{ target, part: undefined }],
  )
}

/** Loads it in the way that the choices ask for. Throws as these ways do. */
export async function loadWork({ target, part }: LoadWork, options: LoadOptions): Promise<Loaded> {
  const { starts, offsetMap } = options
  const { topic, name } = target
  const range = rangeOfTopic(options.range, topic.name)
  if (part === undefined) {
    const { records, bytes, ends, positions } = await spreadTopic({ ...options, range, target, starts: starts.get(name) ?? new Map() })
    return { records, bytes: spreadEvenly(bytes, target), positions, ends: ends.map((end, partition) => ({ partition, end })) }
  }
  const { partition } = part
  const loaded = target.loaded.get(partition) ?? 0n
  const startOffset = (starts.get(name)?.get(partition) ?? 0n) - loaded
  const own: OffsetMap = new Map()
  const common = {
    ...options,
    range,
    topic: name,
    part,
    startOffset,
    loaded,
    offsetMap: own,
    ...(target.maxMessageBytes === undefined ? {} : { maxMessageBytes: target.maxMessageBytes }),
  }
  const adopt = () => adoptPartition(offsetMap, own, { source: topic.name, target: name, partition })
  if (options.preserveOffsets) {
    const { records, bytes, markers } = await preservePartition(common)
    adopt()
    return { records, bytes: new Map([[partition, bytes]]), markers, ends: [{ partition, end: part.endOffset }] }
  }
  const { records, bytes } = hasTimes(range) ? await restoreSelected(common) : await restorePartition(common)
  adopt()
  return { records, bytes: new Map([[partition, bytes]]), ends: [{ partition, end: startOffset + records }] }
}

/** About: keys decide. What one partition of the target has more than its share another has less. */
function spreadEvenly(bytes: number, { topic, partitions }: RestoreTarget): Map<number, number> {
  return new Map(topic.partitions.map(({ partition }) => [partition, bytes / partitions]))
}
