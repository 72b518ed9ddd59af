import { z } from 'zod'
import type { BatchHeader } from '../../clients/kafka/record-batch.ts'
import {
  abortedRangeSchema,
  type BatchArtifact,
  batchArtifactSchema,
  decimal,
  gapLimit,
  type gapSchema,
  gapsSchema,
  schemaSideSchema,
} from './part.ts'

const transactionStateSchema = z.strictObject({
  open: z.array(z.strictObject({ producerId: decimal, firstOffset: decimal, records: decimal })),
  listed: z.array(z.strictObject({ producerId: decimal, firstOffset: decimal })),
  ranges: z.array(abortedRangeSchema),
  abortedRecords: decimal,
})

/**
 * How far a partition is stored: remembered with every artifact, so that an interrupted run goes on from `nextOffset`
 * instead of reading everything again.
 */
export const partitionProgressSchema = z.strictObject({
  topicId: z.string(),
  startOffset: decimal,
  /** The offset after the last stored batch. */
  nextOffset: decimal,
  /** Data records stored, aborted ones included. */
  records: decimal,
  transactions: transactionStateSchema,
  gaps: gapsSchema,
  schemaIds: z.strictObject({ key: schemaSideSchema, value: schemaSideSchema }),
  /** The artifact that this progress was remembered with. */
  artifact: batchArtifactSchema,
})
export type PartitionProgress = z.output<typeof partitionProgressSchema>

/** Adds a batch to the description of the artifact that it is written to. */
export function countBatch(artifact: BatchArtifact, header: BatchHeader): void {
  artifact.lastOffset = header.lastOffset
  artifact.batches++
  if (header.control) return
  artifact.records += BigInt(header.recordCount)
  if (header.recordCount === 0) return
  // With LogAppendTime the records' own timestamps are not what anybody sees.
  const first = header.logAppendTime ? header.maxTimestamp : header.baseTimestamp
  if (artifact.minTimestamp === undefined || first < artifact.minTimestamp) artifact.minTimestamp = first
  if (artifact.maxTimestamp === undefined || header.maxTimestamp > artifact.maxTimestamp) artifact.maxTimestamp = header.maxTimestamp
}

/** Notes that no batch covers the offsets from `from` to before `to`. */
export function addGap(gaps: z.output<typeof gapsSchema>, gap: z.output<typeof gapSchema>): void {
  gaps.count++
  gaps.offsets += gap.to - gap.from
  if (gaps.first.length < gapLimit) gaps.first.push(gap)
}
