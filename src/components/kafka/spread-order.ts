import { DatapipeError } from '../../base/errors.ts'
import type { Context } from '../../base/context.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { defaultPartition } from './default-partition.ts'
import type { TopicPart } from './part.ts'
import type { RecordRange } from './record-range.ts'
import { type SelectedRecord, selectedRecords } from './selected-records.ts'

export interface SpreadSource {
  reader: ArtifactReader
  topic: TopicPart
  range: RecordRange | undefined
  context: Context
  onBytes: (bytes: number) => void
}

/**
 * Reads a whole topic and proves that spreading it anew by key keeps the order of each key's records: it does when every key is in one
 * partition only, which it is when each record lies where the default partitioner puts its key. Throws `partitions-differ` with the first
 * record that does not (another partitioner wrote it, or partitions were added since).
 */
export async function proveOrderByKey(source: SpreadSource): Promise<void> {
  const { topic } = source
  for (const part of topic.partitions) {
    for await (const records of selectedRecords({ ...source, topic: topic.name, part })) {
      const stray = records.find(({ key }) => key !== null && defaultPartition(key, topic.partitions.length) !== part.partition)
      if (stray?.key == null) continue
      const meant = defaultPartition(stray.key, topic.partitions.length)
      throw new DatapipeError(
        'partitions-differ',
        `${topic.name} cannot be spread by key: the record at ${topic.name}/${part.partition} offset ${stray.offset} has a key that the default partitioner puts into partition ${meant}, so that records of one key may lie in several partitions and their order could not be kept`,
        { path: `kafka/topics/${topic.name}/${part.partition}`, hint: `restore it with its own ${topic.partitions.length} partitions` },
      )
    }
  }
}

export interface PlacedRecord {
  source: number
  record: SelectedRecord
}

/**
 * The records of all partitions, those of one partition in their order, and among partitions by timestamp: what was written last comes last,
 * so that a group that was nearly at the end of all of them is nearly at the end again.
 */
export async function* inOrderOfTime(source: SpreadSource): AsyncGenerator<PlacedRecord> {
  const open: { source: number; portions: AsyncGenerator<SelectedRecord[]>; records: Iterator<SelectedRecord>; head: SelectedRecord | undefined }[] =
    []
  for (const part of source.topic.partitions) {
    const portions = selectedRecords({ ...source, topic: source.topic.name, part })
    const stream = { source: part.partition, portions, records: [].values() as Iterator<SelectedRecord>, head: undefined }
    open.push(stream)
  }
  const advance = async (stream: (typeof open)[number]) => {
    for (;;) {
      const next = stream.records.next()
      if (!next.done) {
        stream.head = next.value
        return
      }
      const portion = await stream.portions.next()
      if (portion.done) {
        stream.head = undefined
        return
      }
      stream.records = portion.value.values()
    }
  }
  for (const stream of open) await advance(stream)
  for (;;) {
    let earliest: (typeof open)[number] | undefined
    for (const stream of open) {
      if (stream.head !== undefined && (earliest?.head === undefined || stream.head.timestamp < earliest.head.timestamp)) earliest = stream
    }
    if (earliest?.head === undefined) return
    yield { source: earliest.source, record: earliest.head }
    await advance(earliest)
  }
}
