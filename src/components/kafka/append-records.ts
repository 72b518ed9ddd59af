import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { buildBatch } from '../../clients/kafka/build-batch.ts'
import { connectKafka } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import { newProducerId } from '../../clients/kafka/produce-raw.ts'
import type { RecordHeader } from '../../clients/kafka/records.ts'
import { openBatchSender } from './batch-sender.ts'

export interface AppendedRecord {
  /** Text is written as UTF-8. */
  key: string | Buffer | null
  value: string | Buffer | null
  headers?: RecordHeader[]
}

export interface AppendOptions {
  config: KafkaConfig
  topic: string
  partition: number
  records: AppendedRecord[]
  context: Context
}

/** Appends a few records to the end of a partition, as one batch, acknowledged by all replicas. Throws `unreachable`, `server-refused`. */
export async function appendRecords({ config, topic, partition, records, context }: AppendOptions): Promise<void> {
  await using client = await connectKafka(config, context)
  const ends = await listOffsets(client, new Map([[topic, [partition]]]), 'latest')
  const startOffset = ends.get(topic)?.get(partition) ?? 0n
  const sender = openBatchSender({ client, lane: 'append', topic, partition, producer: await newProducerId(client), startOffset })
  const timestamp = BigInt(context.now().getTime())
  const built = records.map(({ key, value, headers }, index) => ({
    offset: startOffset + BigInt(index),
    timestamp,
    key: bytesOf(key),
    value: bytesOf(value),
    headers: headers ?? [],
  }))
  await sender.send(buildBatch({ baseOffset: startOffset, records: built }), built.length)
  await sender.flush()
}

const bytesOf = (content: string | Buffer | null) => (typeof content === 'string' ? Buffer.from(content) : content)
