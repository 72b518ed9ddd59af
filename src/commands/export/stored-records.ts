import { type KafkaRecord, readRecords } from '../../clients/kafka/records.ts'
import type { TopicPart } from '../../components/kafka/part.ts'
import { abortFilter } from '../../components/kafka/read-committed.ts'
import { storedBatches } from '../../components/kafka/restore-partition.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'

export interface StoredRecord extends KafkaRecord {
  partition: number
  /** The broker's time, not the producer's. */
  logAppendTime: boolean
}

/** Every committed record of a topic in a backup, partition after partition, in order. Bytes are hashed and CRCs checked on the way. */
export async function* storedTopicRecords(reader: ArtifactReader, { name, partitions }: TopicPart): AsyncGenerator<StoredRecord> {
  for (const { partition, startOffset, endOffset, aborted, artifacts } of partitions) {
    const isAborted = abortFilter(aborted)
    for (const artifact of artifacts)
      for await (const { bytes, header } of storedBatches(reader, artifact, name, partition)) {
        if (header.control || isAborted(header)) continue
        for (const record of readRecords(bytes, header))
          if (record.offset >= startOffset && record.offset < endOffset) yield { ...record, partition, logAppendTime: header.logAppendTime }
      }
  }
}
