import { z } from 'zod'
import { abortedRangeSchema, batchArtifactSchema, decimal, gapSchema, gapsSchema, schemaSideSchema } from './part.ts'

/**
 * One stored file of batches with all that has to be known of it without reading it: a partition's part of the manifest is the sum of its
 * files' summaries, and whoever goes on after the file (an interrupted run, the next backup) begins with what the last one says.
 */
export const artifactSummarySchema = z.strictObject({
  artifact: batchArtifactSchema,
  /** `partitionLeaderEpoch` of its last batch: by it a broker tells whether its log still holds what was read (KIP-320). */
  leaderEpoch: z.number().int(),
  /** The gap right before its first batch. */
  before: gapSchema.optional(),
  /** Gaps between its first and its last batch. */
  gaps: gapsSchema,
  /** Records in aborted transactions. */
  aborted: decimal,
  /** Aborted transactions whose marker it holds. */
  ranges: z.array(abortedRangeSchema),
  /** Transactions without a marker at its end, and those that the broker lists as aborted whose marker comes later. */
  open: z.array(z.strictObject({ producerId: decimal, firstOffset: decimal, records: decimal })),
  listed: z.array(z.strictObject({ producerId: decimal, firstOffset: decimal })),
  schemaIds: z.strictObject({ key: schemaSideSchema, value: schemaSideSchema }),
})
export type ArtifactSummary = z.output<typeof artifactSummarySchema>

/** What an unfinished backup remembers with each file of a partition. */
export const partitionNoteSchema = z.strictObject({
  topicId: z.string(),
  /** Path of the file before it, its own or of an earlier backup; null for the first. */
  previous: z.string().nullable(),
  summary: artifactSummarySchema,
})
export type PartitionNote = z.output<typeof partitionNoteSchema>
