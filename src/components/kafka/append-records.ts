import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { buildBatch } from '../../clients/kafka/build-batch.ts'
import { connectKafka } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import { newProducerId } from '../../clients/kafka/produce-raw.ts'
import { openBatchSender } from './batch-sender.ts'

export interface AppendOptions {
  config: KafkaConfig
  topic: string
  partition: number
  records: { key: string; value: string }[]
  context: Context
}

/** Appends a few records of text to the end of a partition, acknowledged by all replicas. Throws `unreachable`, `server-refused`. */
export async function appendRecords({ config, topic, partition, records, context }: AppendOptions): Promise<void> {
  await using client = await connectKafka(config, context)
  const ends = await listOffsets(client, new Map([[topic, [partition]]]), 'latest')
  const startOffset = ends.get(topic)?.get(partition) ?? 0n
  const sender = openBatchSender({ client, lane: 'append', topic, partition, producer: await newProducerId(client), startOffset })
  const timestamp = BigInt(context.now().getTime())
  const built = records.map(({ key, value }, index) => ({
    offset: startOffset + BigInt(index),
    timestamp,
    key: Buffer.from(key),
    value: Buffer.from(value),
    headers: [],
  }))
  await sender.send(buildBatch({ baseOffset: startOffset, records: built }), built.length)
  await sender.flush()
}
