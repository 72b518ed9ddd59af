import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import type { Finding } from '../../base/finding.ts'
import { connectKafka } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import type { TopicInfo } from './select-topics.ts'

export interface FrozenPartition {
  partition: number
  /** First offset there. */
  startOffset: bigint
  /** The last stable offset: what read-committed readers take for the end. */
  endOffset: bigint
  highWatermark: bigint
}

export interface FrozenTopics {
  clusterId: string
  takenAt: string
  topics: Map<string, FrozenPartition[]>
  findings: Finding[]
}

/** Takes the start and end of every partition now. An open transaction is a warning: records after its first one stay out. */
export async function freezeTopics(config: KafkaConfig, topics: TopicInfo[], context: Context): Promise<FrozenTopics> {
  await using client = await connectKafka(config, context)
  const wanted = new Map(topics.map(({ name, partitions }) => [name, [...Array(partitions).keys()]]))
  const starts = await listOffsets(client, wanted, 'earliest')
  // The high watermark first: a stable offset read later can lie below it only when a transaction is open.
  const highs = await listOffsets(client, wanted, 'latest')
  const takenAt = context.now().toISOString()
  const stables = await listOffsets(client, wanted, 'stable')
  const findings: Finding[] = []
  const frozen = new Map<string, FrozenPartition[]>()
  for (const [topic, partitions] of wanted) {
    const own = partitions.map((partition) => {
      const startOffset = starts.get(topic)?.get(partition) ?? 0n
      const highWatermark = highs.get(topic)?.get(partition) ?? startOffset
      const endOffset = stables.get(topic)?.get(partition) ?? highWatermark
      if (endOffset < highWatermark) findings.push(openTransaction(topic, partition, endOffset, highWatermark))
      return { partition, startOffset, endOffset, highWatermark: highWatermark < endOffset ? endOffset : highWatermark }
    })
    frozen.set(topic, own)
  }
  return { clusterId: client.clusterId, takenAt, topics: frozen, findings }
}

function openTransaction(topic: string, partition: number, stable: bigint, high: bigint): Finding {
  return {
    severity: 'warning',
    code: 'open-transaction',
    component: 'kafka',
    item: `${topic}/${partition}`,
    message: `a transaction is open at offset ${stable}: the ${high - stable} offsets from there to ${high} are not in the backup`,
    next: `kafka-transactions.sh --bootstrap-server … find-hanging --topic ${topic} --partition ${partition}`,
  }
}

/** The end offsets in the form of a recovery point. `cut`, by `topic/partition`: ends before those. */
export function endOffsetsOf(frozen: FrozenTopics, cut: ReadonlyMap<string, bigint> = new Map()): Record<string, Record<string, string>> {
  return Object.fromEntries(
    [...frozen.topics].map(([topic, partitions]) => [
      topic,
      Object.fromEntries(
        partitions.map(({ partition, endOffset }) => [String(partition), (cut.get(`${topic}/${partition}`) ?? endOffset).toString()]),
      ),
    ]),
  )
}
