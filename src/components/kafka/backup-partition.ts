import type { Finding } from '../../base/finding.ts'
import { readMarker } from '../../clients/kafka/records.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import type { ArtifactWriter } from '../../repository/artifact.ts'
import { z } from 'zod'
import { batchesFile, encodeTopic, partitionDirectory } from './artifact-path.ts'
import { type ArtifactSummary, type PartitionNote, partitionNoteSchema } from './artifact-summary.ts'
import { assemblePartition } from './assemble-partition.ts'
import { type DrainStep, drainPartition } from './drain-partition.ts'
import type { FrozenPartition } from './freeze.ts'
import type { BatchArtifact, gapSchema, PartitionPart } from './part.ts'
import { addGap, countBatch } from './partition-progress.ts'
import { trackTransactions } from './read-committed.ts'
import { joinSchemaIds, noSchemaIds, type SchemaIds, scanSchemaIds } from './schema-ids.ts'
import type { TopicInfo } from './select-topics.ts'
import { compressed, zstdSuffix } from './store-compressed.ts'

type Gap = z.output<typeof gapSchema>

/** Bytes after which the next artifact begins; what an interrupted backup loses at most per partition. */
export const artifactBytes = 64 * 1024 * 1024

export interface PartitionBackup {
  client: KafkaClient
  lane: string
  topic: TopicInfo
  frozen: FrozenPartition
  writer: ArtifactWriter
  fetchBytes: number
  /** Without it batches are stored as they are. */
  compression?: 'none' | 'zstd'
  onBytes: (bytes: number) => void
}

export interface BackedUpPartition {
  part: PartitionPart
  /** Of every file of the part, those of earlier backups too. */
  summaries: ArtifactSummary[]
  schemaIds: SchemaIds
  findings: Finding[]
  /** Stored by this run. */
  bytes: number
}

/**
 * Stores one partition from its frozen start, or from behind the last file of `before`, to its frozen end, as artifacts of whole batches,
 * and remembers each; `round` names the directory. What cannot be had is a finding of grade harm, never silence.
 */
export async function backupPartition(options: PartitionBackup, before: ArtifactSummary[], round: number): Promise<BackedUpPartition> {
  const { topic, frozen, writer } = options
  const item = `${topic.name}/${frozen.partition}`
  const summaries = [...before]
  const last = before.at(-1)
  const transactions = trackTransactions(last && { open: last.open, listed: last.listed, ranges: [], abortedRecords: 0n })
  const findings: Finding[] = []
  let next = last === undefined ? frozen.startOffset : last.artifact.lastOffset + 1n
  /** The log start has moved over the offsets before the next batch. */
  let deleted = false
  let bytes = 0

  const gapTo = (to: bigint): Gap => {
    const compacted = topic.configs['cleanup.policy']?.includes('compact') ?? false
    return { from: next, to, reason: deleted ? 'deleted' : compacted ? 'compaction' : 'unknown' }
  }
  const noteTroubles = (step: Exclude<DrainStep, { kind: 'batches' }>) => {
    deleted = step.kind === 'gone' || step.deleted
    if (step.kind === 'gone') {
      findings.push(
        harm('topic-gone', item, `the topic was deleted or made anew while it was read: offsets ${step.at} to ${frozen.endOffset} are missing`),
      )
    } else if (step.deleted) {
      findings.push(harm('records-lost', item, `offsets ${step.from} to ${step.to} were deleted by the broker before they were read`))
    } else if (step.atEnd && gapTo(step.to).reason === 'unknown') {
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
  const releases = new WeakMap<Uint8Array, () => void>()
  const written = (chunk: Uint8Array) => releases.get(chunk)?.()
  let current = await nextBatches(steps, noteTroubles)
  while (current !== undefined) {
    const firstOffset = current.batches[0]?.header.baseOffset ?? next
    const artifact: BatchArtifact = { path: '', firstOffset, lastOffset: firstOffset, batches: 0, records: 0n }
    const gaps: PartitionPart['gaps'] = { count: 0, offsets: 0n, first: [] }
    const leading = firstOffset > next ? gapTo(firstOffset) : undefined
    const scanner = scanSchemaIds(frozen.partition, noSchemaIds())
    const earlier = transactions.state()
    let leaderEpoch = -1
    const takeIn = ({ batches, aborted }: DrainStep & { kind: 'batches' }) => {
      transactions.list(aborted)
      for (const { bytes: batch, header } of batches) {
        if (header.baseOffset > next && artifact.batches > 0) addGap(gaps, gapTo(header.baseOffset))
        deleted = false
        transactions.see(header, header.control ? readMarker(batch, header) : undefined)
        if (!header.control) scanner.scan(batch, header)
        countBatch(artifact, header)
        leaderEpoch = header.leaderEpoch
        next = header.lastOffset + 1n
      }
    }
    const content = async function* () {
      let size = 0
      while (current !== undefined && (size === 0 || size + current.bytes.length <= artifactBytes)) {
        takeIn(current)
        size += current.bytes.length
        releases.set(current.bytes, current.release)
        yield current.bytes
        options.onBytes(current.bytes.length)
        current = await nextBatches(steps, noteTroubles)
      }
    }
    const path = partitionDirectory(topic.name, frozen.partition, round) + batchesFile(firstOffset)
    const stored =
      options.compression === 'zstd'
        ? await writer.write(path + zstdSuffix, compressed(content(), written))
        : await writer.write(path, content(), written)
    artifact.path = stored.path
    bytes += stored.bytes
    const { open, listed, ranges, abortedRecords } = transactions.state()
    const summary: ArtifactSummary = {
      artifact,
      leaderEpoch,
      ...(leading === undefined ? {} : { before: leading }),
      gaps,
      aborted: abortedRecords - earlier.abortedRecords,
      ranges: ranges.slice(earlier.ranges.length),
      open,
      listed,
      schemaIds: scanner.result(),
    }
    const note: PartitionNote = { topicId: topic.topicId, previous: summaries.at(-1)?.artifact.path ?? null, summary }
    summaries.push(summary)
    const key = `kafka/${encodeTopic(topic.name)}/${frozen.partition}/${round}/${firstOffset}`
    await writer.remember(key, z.encode(partitionNoteSchema, note), [stored])
  }
  const unmarked = transactions.finish(frozen.endOffset).ranges.slice(transactions.state().ranges.length)
  const atEnd = next < frozen.endOffset ? gapTo(frozen.endOffset) : undefined
  return {
    part: assemblePartition({ frozen, summaries, unmarked, atEnd }),
    summaries,
    schemaIds: joinSchemaIds(summaries.map(({ schemaIds }) => schemaIds)),
    findings,
    bytes,
  }
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
