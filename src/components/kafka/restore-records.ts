import { buildBatch } from '../../clients/kafka/build-batch.ts'
import type { Codec } from '../../clients/kafka/compression.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import type { KafkaRecord } from '../../clients/kafka/records.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { type BatchSender, openBatchSender } from './batch-sender.ts'
import { defaultPartition } from './default-partition.ts'
import { addPartition, addRun, type OffsetMap } from './offset-map.ts'
import type { GroupSnapshot, PartitionPart } from './part.ts'
import type { RecordRange } from './record-range.ts'
import type { RestoreTarget } from './restore-targets.ts'
import { type SelectedRecord, selectedRecords } from './selected-records.ts'
import { inOrderOfTime } from './spread-order.ts'
import { type SpreadPositions, trackPositions } from './spread-positions.ts'

interface RecordRestore {
  client: KafkaClient
  lane: string
  reader: ArtifactReader
  range: RecordRange | undefined
  producer: { producerId: bigint; producerEpoch: number }
  onBytes: (bytes: number) => void
}

/** Bytes of keys and values of one batch, about: every partition under way holds one. */
const batchBytes = 256 * 1024

/** Writes those records of a partition that are in the range, in order, in new batches of the same codecs. */
export async function restoreSelected(
  options: RecordRestore & { topic: string; part: PartitionPart; startOffset: bigint; offsetMap: OffsetMap },
): Promise<{ records: bigint; bytes: number }> {
  const { client, topic, part, startOffset, offsetMap } = options
  const batches = gather(openBatchSender({ ...options, partition: part.partition }), startOffset)
  let bytes = 0
  const onBytes = (size: number) => {
    bytes += size
    options.onBytes(size)
  }
  addPartition(offsetMap, topic, part.partition, startOffset)
  for await (const records of selectedRecords({ ...options, context: client.context, onBytes })) {
    for (const record of records) addRun(offsetMap, topic, part.partition, { source: record.offset, target: await batches.add(record), count: 1n })
  }
  return { records: (await batches.flush()) - startOffset, bytes }
}

/**
 * Writes the records of a topic into another number of partitions: by key as the default partitioner does, those without a key to their own
 * partition modulo the number. The order of each key's records is that of the backup (see `proveOrderByKey`). `ends` are those read back.
 */
export async function spreadTopic(
  options: RecordRestore & { target: RestoreTarget; starts: ReadonlyMap<number, bigint>; groups: GroupSnapshot[] },
): Promise<{ records: bigint; bytes: number; ends: bigint[]; positions: SpreadPositions }> {
  const { client, target, starts, groups } = options
  const { topic, name, partitions } = target
  const tracker = trackPositions(topic.name, name, groups)
  const open = [...Array(partitions).keys()].map((partition) => {
    const startOffset = starts.get(partition) ?? 0n
    return gather(openBatchSender({ ...options, topic: name, partition, startOffset }), startOffset)
  })
  let records = 0n
  let bytes = 0
  const onBytes = (size: number) => {
    bytes += size
    options.onBytes(size)
  }
  for await (const { source, record } of inOrderOfTime({ ...options, topic, context: client.context, onBytes })) {
    const partition = record.key === null ? source % partitions : defaultPartition(record.key, partitions)
    const { offset } = record
    const targetOffset = (await open[partition]?.add(record)) ?? 0n
    tracker.see({ source, offset, target: partition, targetOffset })
    records++
  }
  const ends: bigint[] = []
  for (const batches of open) ends.push(await batches.flush())
  return { records, bytes, ends, positions: tracker.positions(ends) }
}

interface Gathering {
  /** Gives the offset that the record gets. */
  add(record: SelectedRecord): Promise<bigint>
  /** Sends what is left and waits for all; gives the partition's end. */
  flush(): Promise<bigint>
}

/** Records of one target partition, sent in batches of one codec. */
function gather(sender: BatchSender, startOffset: bigint): Gathering {
  let records: KafkaRecord[] = []
  let codec: Codec = 'none'
  let size = 0
  let next = startOffset
  const send = async () => {
    const [first] = records
    if (first === undefined) return
    await sender.send(buildBatch({ baseOffset: first.offset, records, codec }), records.length)
    records = []
    size = 0
  }
  return {
    async add(record) {
      const length = (record.key?.length ?? 0) + (record.value?.length ?? 0)
      if (record.codec !== codec || size + length > batchBytes) await send()
      codec = record.codec
      size += length
      records.push({ ...record, offset: next })
      return next++
    },
    async flush() {
      await send()
      await sender.flush()
      return next
    },
  }
}
