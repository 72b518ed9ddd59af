import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { connectKafka } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import { type KafkaRecord, readRecords } from '../../clients/kafka/records.ts'
import { drainPartition } from './drain-partition.ts'
import type { TopicInfo } from './select-topics.ts'

export interface PlacedRecord extends KafkaRecord {
  partition: number
}

/**
 * Every record that a topic holds now and a backup would store, in portions of one batch: also those of aborted transactions, which lie in
 * the stored batches, too. For small topics: one partition after the other.
 */
export async function* everyRecord(config: KafkaConfig, topic: TopicInfo, context: Context): AsyncGenerator<PlacedRecord[]> {
  await using client = await connectKafka(config, context)
  const wanted = new Map([[topic.name, [...Array(topic.partitions).keys()]]])
  const starts = (await listOffsets(client, wanted, 'earliest')).get(topic.name)
  const ends = (await listOffsets(client, wanted, 'stable')).get(topic.name)
  for (const partition of wanted.get(topic.name) ?? []) {
    const from = starts?.get(partition) ?? 0n
    const place = { topic: topic.name, topicId: topic.topicId, partition }
    const steps = drainPartition({ client, lane: 'every record', ...place, from, end: ends?.get(partition) ?? from, fetchBytes: 1024 * 1024 })
    for await (const step of steps) {
      if (step.kind !== 'batches') continue
      for (const { bytes, header } of step.batches) {
        if (!header.control) yield [...readRecords(bytes, header)].map((record) => ({ ...record, partition }))
      }
    }
  }
}
