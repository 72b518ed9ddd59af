import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { connectKafka } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import type { KafkaRecord } from '../../clients/kafka/records.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { liveRecords, storedRecords } from './committed-records.ts'
import { readGroupsOf } from './groups.ts'
import type { GroupSnapshot, KafkaPart } from './part.ts'
import { hasTimes, isInTime, type RecordRange, rangeOfTopic } from './record-range.ts'
import { selectFrom } from './select-topics.ts'

/** What can be compared: a cluster now (up to `endOffsets`, `topic → partition → offset`, when given), or a backup. */
export type KafkaSide =
  | { kind: 'live'; config: KafkaConfig; endOffsets?: Record<string, Record<string, bigint>> }
  /** `range`: less than everything. */
  | { kind: 'backup'; part: KafkaPart; reader: ArtifactReader; range?: RecordRange }

export interface SideTopic {
  name: string
  topicId: string
  replicationFactor: number
  configs: Record<string, string>
  partitions: number[]
}

/** One side opened for comparison. */
export interface OpenSide extends AsyncDisposable {
  topics: SideTopic[]
  groups: GroupSnapshot[]
  records(topic: string, partition: number): AsyncGenerator<KafkaRecord[]>
}

/** Opens a side; connections are closed with it. `lane` keeps two live sides of one cluster apart. */
export async function openSide(side: KafkaSide, lane: string, context: Context): Promise<OpenSide> {
  return side.kind === 'live' ? openLive(side, lane, context) : openBackup(side)
}

function openBackup({ part, reader, range }: KafkaSide & { kind: 'backup' }): OpenSide {
  return {
    topics: part.topics.map((topic) => ({ ...topic, partitions: topic.partitions.map(({ partition }) => partition) })),
    groups: part.groups,
    records(topic, partition) {
      const found = part.topics.find(({ name }) => name === topic)?.partitions.find((candidate) => candidate.partition === partition)
      return found === undefined ? nothing() : inTime(storedRecords(reader, topic, found), rangeOfTopic(range, topic))
    },
    async [Symbol.asyncDispose]() {},
  }
}

async function* inTime(portions: AsyncGenerator<KafkaRecord[]>, range: RecordRange | undefined): AsyncGenerator<KafkaRecord[]> {
  for await (const records of portions) yield hasTimes(range) ? records.filter(({ timestamp }) => isInTime(range, timestamp)) : records
}

async function openLive({ config, endOffsets }: KafkaSide & { kind: 'live' }, lane: string, context: Context): Promise<OpenSide> {
  const client = await connectKafka(config, context)
  try {
    const { topics } = await selectFrom(client, config)
    const wanted = new Map(topics.map(({ name, partitions }) => [name, [...Array(partitions).keys()]]))
    const starts = await listOffsets(client, wanted, 'earliest')
    const ends = await listOffsets(client, wanted, 'stable')
    const groups = await readGroupsOf(client, config)
    return {
      topics: topics.map((topic) => ({ ...topic, partitions: [...Array(topic.partitions).keys()] })),
      groups,
      records(topic, partition) {
        const topicId = topics.find(({ name }) => name === topic)?.topicId ?? ''
        const from = starts.get(topic)?.get(partition) ?? 0n
        const end = endOffsets?.[topic]?.[String(partition)] ?? ends.get(topic)?.get(partition) ?? from
        return liveRecords({ client, lane: `diff ${lane}`, topic, topicId, partition, from, end })
      },
      [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
    }
  } catch (error) {
    await client[Symbol.asyncDispose]()
    throw error
  }
}

async function* nothing(): AsyncGenerator<KafkaRecord[]> {}
