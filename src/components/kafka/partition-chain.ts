import type { Artifact } from '../../repository/artifact.ts'
import type { ArtifactSummary } from './artifact-summary.ts'
import type { FrozenPartition } from './freeze.ts'

/** The files of one partition that are stored already, in order of offsets, with their entries in the list of artifacts. */
export interface PartitionChain {
  topicId: string
  summaries: ArtifactSummary[]
  artifacts: Artifact[]
}

/** Files of one level that may follow one another at a partition's end before they are read again as one. */
const mostOfOneLevel = 8
const smallestLevel = 64 * 1024

/**
 * The files of `chain` that a backup which ends at `frozen` goes on behind: none of another topic of that name, none that lies below the
 * log start, and none of a run of small ones that is long enough to be stored anew as one file. Whether the broker's log still holds what
 * they hold is not known here.
 */
export function usableFiles(chain: PartitionChain, topicId: string, frozen: FrozenPartition): ArtifactSummary[] {
  const last = chain.summaries.at(-1)
  if (chain.topicId !== topicId || last === undefined || last.artifact.lastOffset >= frozen.highWatermark) return []
  const kept = chain.summaries.filter(({ artifact }) => artifact.lastOffset >= frozen.startOffset)
  const sizes = new Map(chain.artifacts.map(({ path, bytes }) => [path, bytes]))
  return withoutSmallTail(kept, frozen.startOffset, (summary) => sizes.get(summary.artifact.path) ?? 0)
}

/**
 * A follower stores a file per partition and point. Files are graded by size, each grade eight times the one before; as soon as eight of
 * one grade stand at the end they go, and their records are read from the broker again with the new ones: a partition so has at most
 * seven small files of each grade, and a record is stored once per grade at most. Records that retention has taken cannot be read again.
 */
function withoutSmallTail(files: ArtifactSummary[], startOffset: bigint, sizeOf: (file: ArtifactSummary) => number): ArtifactSummary[] {
  let kept = files
  for (;;) {
    const level = levelOf(kept.at(-1), sizeOf)
    const run = kept.length - 1 - kept.findLastIndex((file) => levelOf(file, sizeOf) !== level)
    const first = kept.at(-run)
    if (run < mostOfOneLevel || first === undefined || first.artifact.firstOffset < startOffset || level >= largestLevel) return kept
    kept = kept.slice(0, -run)
  }
}

/** Files of 4 MiB and more are left as they are. */
const largestLevel = 3

function levelOf(file: ArtifactSummary | undefined, sizeOf: (file: ArtifactSummary) => number): number {
  if (file === undefined) return -1
  return Math.max(0, Math.ceil(Math.log2(sizeOf(file) / smallestLevel) / 3))
}
