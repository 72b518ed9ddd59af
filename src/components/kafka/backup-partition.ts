import type { Finding } from '../../base/finding.ts'
import { readMarker } from '../../clients/kafka/records.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import type { Artifact, ArtifactWriter } from '../../repository/artifact.ts'
import { z } from 'zod'
import { batchesFile, encodeTopic, partitionDirectory } from './artifact-path.ts'
import { type DrainStep, drainPartition } from './drain-partition.ts'
import type { FrozenPartition } from './freeze.ts'
import type { BatchArtifact, PartitionPart } from './part.ts'
import { addGap, countBatch, type PartitionProgress, partitionProgressSchema } from './partition-progress.ts'
import { trackTransactions } from './read-committed.ts'
import { noSchemaIds, type SchemaIds, scanSchemaIds } from './schema-ids.ts'
import type { TopicInfo } from './select-topics.ts'

/** Bytes after which the next artifact begins; what an interrupted backup loses at most per partition. */
const artifactBytes = 64 * 1024 * 1024

export interface PartitionBackup {
  client: KafkaClient
  lane: string
  topic: TopicInfo
  frozen: FrozenPartition
  writer: ArtifactWriter
  fetchBytes: number
  onBytes: (bytes: number) => void
}

export interface BackedUpPartition {
  part: PartitionPart
  schemaIds: SchemaIds
  findings: Finding[]
  bytes: number
}

/** Remembered work on one partition, in order, with the artifacts it names. */
export interface RememberedPartition {
  progress: PartitionProgress[]
  artifacts: Artifact[]
  /** Which directory of the partition it is in. */
  round: number
}

/**
 * Stores one partition from its frozen start (or from where `remembered` ends) to its frozen end, as artifacts of whole batches, and
 * remembers each; `round` names the directory. What cannot be had is a finding of grade harm, never silence.
 */
export async function backupPartition(
  options: PartitionBackup,
  remembered: RememberedPartition | undefined,
  round: number,
): Promise<BackedUpPartition> {
  const { topic, frozen, writer } = options
  const item = `${topic.name}/${frozen.partition}`
  const before = remembered?.progress.at(-1)
  const startOffset = before?.startOffset ?? frozen.startOffset
  const transactions = trackTransactions(before?.transactions)
  const scanner = scanSchemaIds(frozen.partition, before?.schemaIds ?? noSchemaIds())
  const gaps = structuredClone(before?.gaps ?? { count: 0, offsets: 0n, first: [] })
  const artifacts: BatchArtifact[] = remembered?.progress.map(({ artifact }) => artifact) ?? []
  const findings: Finding[] = []
  let records = before?.records ?? 0n
  let next = before?.nextOffset ?? startOffset
  let bytes = remembered?.artifacts.reduce((sum, artifact) => sum + artifact.bytes, 0) ?? 0

  const takeIn = ({ batches, aborted }: DrainStep & { kind: 'batches' }) => {
    transactions.list(aborted)
    for (const { bytes: batch, header } of batches) {
      if (header.baseOffset > next && header.baseOffset > startOffset) noteGap(next, header.baseOffset, false)
      transactions.see(header, header.control ? readMarker(batch, header) : undefined)
      if (!header.control) {
        scanner.scan(batch, header)
        records += BigInt(header.recordCount)
      }
      next = header.lastOffset + 1n
    }
  }
  const noteGap = (from: bigint, to: bigint, deleted: boolean) => {
    const compacted = topic.configs['cleanup.policy']?.includes('compact') ?? false
    addGap(gaps, { from, to, reason: deleted ? 'deleted' : compacted ? 'compaction' : 'unknown' })
    next = to
  }
  const noteTroubles = (step: Exclude<DrainStep, { kind: 'batches' }>) => {
    if (step.kind === 'gone') {
      noteGap(step.at, frozen.endOffset, true)
      findings.push(
        harm('topic-gone', item, `the topic was deleted or made anew while it was read: offsets ${step.at} to ${frozen.endOffset} are missing`),
      )
      return
    }
    noteGap(step.from, step.to, step.deleted)
    if (step.deleted) findings.push(harm('records-lost', item, `offsets ${step.from} to ${step.to} were deleted by the broker before they were read`))
    else if (step.atEnd && gaps.first.at(-1)?.reason === 'unknown') {
      findings.push(harm('records-lost', item, `the broker gives no records for offsets ${step.from} to ${step.to}, below its own end`))
    }
  }

  const steps = drainPartition({
    ...options,
    topic: topic.name,
    topicId: topic.topicId,
    partition: frozen.partition,
    from: next,
    end: frozen.endOffset,
  })
  let current = await nextBatches(steps, noteTroubles)
  while (current !== undefined) {
    const firstOffset = current.batches[0]?.header.baseOffset ?? next
    const artifact: BatchArtifact = { path: '', firstOffset, lastOffset: firstOffset, batches: 0, records: 0n }
    const content = async function* () {
      let size = 0
      while (current !== undefined && (size === 0 || size + current.bytes.length <= artifactBytes)) {
        takeIn(current)
        for (const { header } of current.batches) countBatch(artifact, header)
        size += current.bytes.length
        yield current.bytes
        options.onBytes(current.bytes.length)
        current = await nextBatches(steps, noteTroubles)
      }
    }
    const stored = await writer.write(partitionDirectory(topic.name, frozen.partition, round) + batchesFile(firstOffset), content())
    artifact.path = stored.path
    artifacts.push(artifact)
    bytes += stored.bytes
    const progress: PartitionProgress = {
      topicId: topic.topicId,
      startOffset,
      nextOffset: next,
      records,
      transactions: transactions.state(),
      gaps,
      schemaIds: scanner.result(),
      artifact,
    }
    const key = `kafka/${encodeTopic(topic.name)}/${frozen.partition}/${round}/${firstOffset}`
    await writer.remember(key, z.encode(partitionProgressSchema, progress), [stored])
  }
  const { ranges, abortedRecords } = transactions.finish(frozen.endOffset)
  const part: PartitionPart = {
    partition: frozen.partition,
    startOffset,
    endOffset: frozen.endOffset,
    highWatermark: frozen.highWatermark,
    committedRecords: records - abortedRecords,
    aborted: ranges,
    gaps,
    artifacts,
  }
  return { part, schemaIds: scanner.result(), findings, bytes }
}

async function nextBatches(steps: AsyncGenerator<DrainStep>, onOther: (step: Exclude<DrainStep, { kind: 'batches' }>) => void) {
  for (;;) {
    const { value, done } = await steps.next()
    if (done) return undefined
    if (value.kind === 'batches') return value
    onOther(value)
  }
}

function harm(code: string, item: string, message: string): Finding {
  return { severity: 'harm', code, component: 'kafka', item, message, next: 'datapipe backup' }
}
