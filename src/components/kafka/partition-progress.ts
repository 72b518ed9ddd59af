import type { z } from 'zod'
import type { BatchHeader } from '../../clients/kafka/record-batch.ts'
import { type BatchArtifact, gapLimit, type gapSchema, type gapsSchema } from './part.ts'

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
