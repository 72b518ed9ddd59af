import type { z } from 'zod'
import type { ArtifactSummary } from './artifact-summary.ts'
import type { FrozenPartition } from './freeze.ts'
import { type gapSchema, gapLimit, type PartitionPart } from './part.ts'
import type { AbortedRange } from './read-committed.ts'

type Gap = z.output<typeof gapSchema>

export interface PartitionPieces {
  frozen: FrozenPartition
  /** In order of offsets, without one that lies below the start. */
  summaries: ArtifactSummary[]
  /** Transactions that the broker lists as aborted and whose marker lies behind the end. */
  unmarked: AbortedRange[]
  /** Offsets before the end that no batch covers. */
  atEnd: Gap | undefined
}

/** A partition's part: the sum of its files. Gaps count from the first stored batch, or from the start where that is earlier. */
export function assemblePartition({ frozen, summaries, unmarked, atEnd }: PartitionPieces): PartitionPart {
  const gaps: PartitionPart['gaps'] = { count: 0, offsets: 0n, first: [] }
  const add = (count: number, offsets: bigint, first: Gap[]) => {
    gaps.count += count
    gaps.offsets += offsets
    gaps.first.push(...first.slice(0, gapLimit - gaps.first.length))
  }
  for (const [index, { before, gaps: inside }] of summaries.entries()) {
    const own = index === 0 ? leading(before, frozen.startOffset) : before
    if (own !== undefined) add(1, own.to - own.from, [own])
    add(inside.count, inside.offsets, inside.first)
  }
  if (atEnd !== undefined) add(1, atEnd.to - atEnd.from, [atEnd])
  const sum = (of: (summary: ArtifactSummary) => bigint) => summaries.reduce((total, summary) => total + of(summary), 0n)
  return {
    partition: frozen.partition,
    startOffset: frozen.startOffset,
    endOffset: frozen.endOffset,
    highWatermark: frozen.highWatermark,
    committedRecords: sum(({ artifact }) => artifact.records) - sum(({ aborted }) => aborted),
    aborted: [...summaries.flatMap(({ ranges }) => ranges), ...unmarked],
    gaps,
    artifacts: summaries.map(({ artifact }) => artifact),
  }
}

/** What of the gap before the first stored batch belongs to the partition as it is now: retention may have moved the start into it, or past it. */
function leading(gap: Gap | undefined, startOffset: bigint): Gap | undefined {
  if (gap === undefined || gap.to <= startOffset) return undefined
  return gap.from >= startOffset ? gap : { ...gap, from: startOffset }
}
