import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { readMarker } from '../../clients/kafka/records.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import type { BatchArtifact, KafkaPart, PartitionPart, SchemaSide, TopicPart } from './part.ts'
import { addGap, countBatch } from './partition-progress.ts'
import { abortFilter } from './read-committed.ts'
import { storedBatches } from './restore-partition.ts'
import { mergeSchemaIds, noSchemaIds, type SchemaIds, scanSchemaIds } from './schema-ids.ts'

/**
 * Reads every stored batch and compares it with the part: SHA-256 (by the reader), CRC of every batch, offsets without gaps but the recorded
 * ones, counts, schema ids, markers against the aborted ranges. Damage is a finding that names artifact, partition and offset range.
 */
export async function verifyKafka(part: KafkaPart, reader: ArtifactReader, context: Context): Promise<Finding[]> {
  const findings: Finding[] = []
  const total = reader.artifacts.reduce((sum, { bytes }) => sum + bytes, 0)
  let done = 0
  const onBytes = (bytes: number) => {
    done += bytes
    context.emit({ type: 'progress', task: 'kafka verify', done, total, unit: 'bytes' })
  }
  for (const topic of part.topics) {
    const ids: SchemaIds[] = []
    let readable = true
    for (const partition of topic.partitions) {
      const checked = await verifyPartition({ topic, partition, reader, context, onBytes })
      findings.push(...checked.findings)
      readable &&= checked.readable
      ids.push(checked.schemaIds)
    }
    if (readable) findings.push(...compareIds(topic, mergeSchemaIds(ids)))
  }
  return findings
}

interface Verification {
  topic: TopicPart
  partition: PartitionPart
  reader: ArtifactReader
  context: Context
  onBytes: (bytes: number) => void
}

async function verifyPartition({ topic, partition, reader, context, onBytes }: Verification) {
  const item = `${topic.name}/${partition.partition}`
  const findings: Finding[] = []
  const scanner = scanSchemaIds(partition.partition, noSchemaIds())
  const isAborted = abortFilter(partition.aborted)
  /** What is recorded of each producer's latest batch; the next marker of that producer settles it. */
  const unsettled = new Map<bigint, boolean>()
  const gaps: PartitionPart['gaps'] = { count: 0, offsets: 0n, first: [] }
  let next = partition.startOffset
  let first = true
  let committed = 0n
  let readable = true
  for (const artifact of partition.artifacts) {
    const seen: BatchArtifact = { path: artifact.path, firstOffset: -1n, lastOffset: -1n, batches: 0, records: 0n }
    try {
      for await (const { bytes, header } of storedBatches(reader, artifact, topic.name, partition.partition)) {
        if (context.signal.aborted) throw new DatapipeError('interrupted', 'interrupted while verifying topics')
        onBytes(header.size)
        if (seen.batches === 0) seen.firstOffset = header.baseOffset
        countBatch(seen, header)
        // Retention moves a partition's start into the middle of a file: batches before it are stored, and gaps count from the first.
        if (first && header.baseOffset < next) next = header.baseOffset
        first = false
        if (header.lastOffset < next) throw new DatapipeError('artifact-damaged', `offsets go back from ${next} to ${header.baseOffset}`)
        if (header.baseOffset > next) addGap(gaps, { from: next, to: header.baseOffset, reason: 'unknown' })
        next = header.lastOffset + 1n
        if (header.control) {
          findings.push(...compareMarker(readMarker(bytes, header), unsettled.get(header.producerId), `${item}/${header.baseOffset}`))
          unsettled.delete(header.producerId)
          continue
        }
        scanner.scan(bytes, header)
        const aborted = isAborted(header)
        if (header.transactional) unsettled.set(header.producerId, aborted)
        if (!aborted) committed += BigInt(header.recordCount)
      }
      findings.push(...compareArtifact(artifact, seen, item))
    } catch (error) {
      if (!(error instanceof DatapipeError) || error.code === 'interrupted') throw error
      readable = false
      first = false
      findings.push(damage(artifact, item, next, error))
      next = artifact.lastOffset + 1n
    }
  }
  if (next < partition.endOffset) addGap(gaps, { from: next, to: partition.endOffset, reason: 'unknown' })
  if (readable) {
    if (gaps.count !== partition.gaps.count || gaps.offsets !== partition.gaps.offsets) {
      const first = gaps.first.find(({ from }) => !partition.gaps.first.some((known) => known.from === from))
      const where = first === undefined ? '' : `; the first that is not recorded: ${first.from} to ${first.to}`
      findings.push(
        harm(
          'offsets-missing',
          item,
          `${gaps.count} gaps over ${gaps.offsets} offsets, but ${partition.gaps.count} over ${partition.gaps.offsets} are recorded${where}`,
        ),
      )
    }
    if (committed !== partition.committedRecords) {
      findings.push(harm('count-differs', item, `${committed} committed records stored, ${partition.committedRecords} recorded`))
    }
  }
  return { findings, readable, schemaIds: scanner.result() }
}

function compareArtifact(recorded: BatchArtifact, seen: BatchArtifact, item: string): Finding[] {
  const differing = (['firstOffset', 'lastOffset', 'batches', 'records'] as const).find((name) => recorded[name] !== seen[name])
  if (differing === undefined) return []
  return [
    harm('artifact-differs', recorded.path, `${differing} of ${item} is ${seen[differing]} in the file and ${recorded[differing]} in the manifest`),
  ]
}

/** `aborted`: whether the transaction that ends here is recorded as aborted; undefined when none of its batches is stored. */
function compareMarker(marker: 'commit' | 'abort' | undefined, aborted: boolean | undefined, item: string): Finding[] {
  if (marker === undefined || aborted === undefined || (marker === 'abort') === aborted) return []
  return [
    harm(
      'transaction-differs',
      item,
      `the transaction that ends here has ${marker === 'abort' ? 'an abort' : 'a commit'} marker, and is recorded as the other`,
    ),
  ]
}

function damage(artifact: BatchArtifact, item: string, next: bigint, error: DatapipeError): Finding {
  const from = next > artifact.firstOffset ? next : artifact.firstOffset
  const message = `${item}, offsets ${from} to ${artifact.lastOffset}: ${describeError(error)}`
  return harm(error.code === 'kafka-corrupt' ? 'artifact-damaged' : error.code, artifact.path, message)
}

function compareIds(topic: TopicPart, found: SchemaIds): Finding[] {
  return (['key', 'value'] as const).flatMap((side) => {
    const show = ({ framed, notFramed, nulls, ids }: SchemaSide) =>
      `${framed} framed, ${notFramed} not, ${nulls} null, ids ${ids.map(({ id, partition, offset }) => `${id}@${partition}/${offset}`).join(' ') || 'none'}`
    const stored = show(found[side])
    const recorded = show(topic.schemaIds[side])
    if (stored === recorded) return []
    return [harm('schema-ids-differ', `${topic.name} ${side}s`, `stored: ${stored}; recorded: ${recorded}`)]
  })
}

function harm(code: string, item: string, message: string): Finding {
  return { severity: 'harm', code, component: 'kafka', item, message, next: 'restore another backup: datapipe list' }
}
