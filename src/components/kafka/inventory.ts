import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { connectKafka } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import type { TargetIdentity } from '../component.ts'
import { selectFrom } from './select-topics.ts'

/**
 * The cluster's id and what it holds. Empty: no selectable topic has a record; the topics that Connect or a registry make when they start
 * do not count until something is in them. Throws `unreachable`, `unauthorized`.
 */
export async function identifyKafka(config: KafkaConfig, context: Context, names?: ReadonlySet<string>): Promise<TargetIdentity> {
  await using client = await connectKafka(config, context)
  const { topics } = await selectFrom(client, { ...config, topics: { include: ['*'], exclude: [] } })
  const wanted = new Map(topics.map(({ name, partitions }) => [name, [...Array(partitions).keys()]]))
  const starts = await listOffsets(client, wanted, 'earliest')
  const ends = await listOffsets(client, wanted, 'latest')
  const contents: string[] = []
  for (const [name, partitions] of wanted) {
    if (names?.has(name) === false) continue
    const size = partitions.reduce((sum, partition) => sum + (ends.get(name)?.get(partition) ?? 0n) - (starts.get(name)?.get(partition) ?? 0n), 0n)
    if (size > 0n) contents.push(`topic ${name} (${size} offsets)`)
  }
  return { component: 'kafka', identity: client.clusterId, empty: contents.length === 0, contents: contents.slice(0, 10) }
}
