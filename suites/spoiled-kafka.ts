import { buildBatch } from '../src/clients/kafka/build-batch.ts'
import { splitBatches } from '../src/clients/kafka/read-batches.ts'
import { readRecords } from '../src/clients/kafka/records.ts'
import type { KafkaPart } from '../src/components/kafka/part.ts'
import type { ArtifactReader } from '../src/repository/artifact.ts'

/** The same artifacts, but `path` has other bytes; no checksum stands in the way of the batch CRCs. */
export function readerOver(reader: ArtifactReader, path: string, bytes: Buffer): Pick<ArtifactReader, 'read'> {
  return {
    read: (artifact) =>
      artifact.path === path
        ? (async function* () {
            yield Buffer.from(bytes)
          })()
        : reader.read(artifact),
  }
}

/** A backup that differs from the good one in six known places. */
export async function spoiledCopy(part: KafkaPart, reader: ArtifactReader): Promise<{ part: KafkaPart; reader: ArtifactReader }> {
  const spoiled = structuredClone(part)
  for (const topic of spoiled.topics) topic.topicId = 'another'
  const replaced = new Map<string, Buffer>()
  for (const partition of spoiled.topics.find(({ name }) => name === 'plain')?.partitions ?? []) {
    const artifact = reader.artifacts.find(({ path }) => path === partition.artifacts[0]?.path)
    if (artifact === undefined) throw new Error('plain has no artifact')
    const { batches } = splitBatches(await reader.readAll(artifact))
    const records = batches.flatMap(({ bytes, header }) => [...readRecords(bytes, header)])
    if (partition.partition === 0) records[3]?.headers.pop()
    if (partition.partition === 1) records.splice(5, 1)
    const doubled = records[7]
    if (partition.partition === 2 && doubled !== undefined) records.splice(7, 0, doubled)
    const offsets = records.map((record, index) => ({ ...record, offset: BigInt(index) }))
    partition.endOffset = BigInt(offsets.length)
    replaced.set(artifact.path, buildBatch({ baseOffset: 0n, records: offsets }))
  }
  const gzipped = spoiled.topics.find(({ name }) => name === 'gzipped')
  if (gzipped !== undefined) gzipped.configs['retention.ms'] = '1'
  spoiled.topics = spoiled.topics.filter(({ name }) => name !== 'empty')
  const end = spoiled.groups.find(({ groupId }) => groupId === 'at-the-end')
  for (const position of end?.offsets ?? []) {
    if (position.partition === 1) position.offset = 29n
    if (position.partition === 2) position.offset = 30n
  }
  const read: ArtifactReader['read'] = (artifact) => {
    const bytes = replaced.get(artifact.path)
    if (bytes === undefined) return reader.read(artifact)
    return (async function* () {
      yield bytes
    })()
  }
  return { part: spoiled, reader: { ...reader, read } }
}
