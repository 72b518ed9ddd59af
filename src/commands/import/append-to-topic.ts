import { partitionOfKey } from '../../avro-console/send-partitioner.ts'
import { DatapipeError } from '../../base/errors.ts'
import { buildBatch } from '../../clients/kafka/build-batch.ts'
import { kafkaErrors, throwOnError } from '../../clients/kafka/failure.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { newProducerId, produceRaw } from '../../clients/kafka/produce-raw.ts'
import { batchHeaderSize, stampedHeader } from '../../clients/kafka/record-batch.ts'
import type { KafkaRecord } from '../../clients/kafka/records.ts'
import type { ImportedRecord } from './read-lines.ts'

/** Appends records to a topic that others may write to as well. */
export interface TopicAppender {
  readonly records: number
  append(record: ImportedRecord): Promise<void>
  /** Sends what is left; every record is acknowledged by all replicas then. */
  flush(): Promise<void>
}

const mostRecords = 1000
const mostBytes = 512 * 1024

interface Pending {
  records: KafkaRecord[]
  bytes: number
  sequence: number
}

/**
 * An idempotent producer, one batch a partition at a time: a batch whose answer was lost is sent again and not doubled. A record goes to its own partition; one without
 * goes where Java's producer would put its key, one without key in turn. Throws `usage` for a partition that the topic does not have.
 */
export async function appendToTopic(options: { client: KafkaClient; topic: string; partitions: number; now: () => Date }): Promise<TopicAppender> {
  const { client, topic, partitions } = options
  const producer = await newProducerId(client)
  const pending = new Map<number, Pending>()
  let [count, turn] = [0, 0]

  const send = async (partition: number, batch: Pending): Promise<void> => {
    if (batch.records.length === 0) return
    const bytes = buildBatch({ baseOffset: 0n, records: batch.records.map((record, index) => ({ ...record, offset: BigInt(index) })) })
    const header = stampedHeader(bytes, { ...producer, baseSequence: batch.sequence })
    await client.retrying(
      async () => {
        const broker = await client.leaderOf(topic, partition)
        const answer = await produceRaw(client, broker, 'import', { topic, partition, batch: [header, bytes.subarray(batchHeaderSize)] })
        // It came through the first time, and only the answer was lost.
        if (answer.errorCode !== kafkaErrors.duplicateSequenceNumber)
          throwOnError(answer.errorCode, `write to ${topic}/${partition}`, answer.errorMessage)
      },
      { onRetry: () => client.forgetLeaders(topic) },
    )
    pending.set(partition, { records: [], bytes: 0, sequence: (batch.sequence + batch.records.length) % 2 ** 31 })
  }

  const partitionFor = ({ partition, key }: ImportedRecord): number => {
    if (partition !== undefined) return partition
    return key === null ? turn++ % partitions : partitionOfKey(key, partitions)
  }

  return {
    get records() {
      return count
    },
    async append(record) {
      const partition = partitionFor(record)
      if (partition >= partitions)
        throw new DatapipeError('usage', `topic ${topic} has ${partitions} partitions, a record is of partition ${partition}`, {
          path: topic,
          hint: 'make the topic with as many partitions as its source had, or export without the partition column',
        })
      const batch = pending.get(partition) ?? { records: [], bytes: 0, sequence: 0 }
      pending.set(partition, batch)
      batch.records.push({ ...record, timestamp: record.timestamp ?? BigInt(options.now().getTime()) })
      batch.bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
      count += 1
      if (batch.records.length >= mostRecords || batch.bytes >= mostBytes) await send(partition, batch)
    },
    async flush() {
      for (const [partition, batch] of pending) await send(partition, batch)
    },
  }
}
