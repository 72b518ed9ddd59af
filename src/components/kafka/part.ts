import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'
import { securitySchema } from './security-inventory.ts'

/** A 64-bit number: decimal string in JSON, bigint inside. */
export const decimal = z.codec(z.string().regex(/^-?\d{1,19}$/), z.bigint(), {
  decode: (text) => BigInt(text),
  encode: (value) => value.toString(),
})

/** Records of one side (key or value) of a topic as the Confluent wire format sees them. */
export const schemaSideSchema = z.strictObject({
  /** Magic byte 0 and at least 5 bytes. */
  framed: decimal,
  notFramed: decimal,
  nulls: decimal,
  /** Ids in framed ones, each with the first record that carries it. Capped at `idLimit`: binary data can look framed. */
  ids: z.array(z.strictObject({ id: z.number().int().nonnegative(), partition: z.number().int(), offset: decimal })),
})
export type SchemaSide = z.output<typeof schemaSideSchema>

export const abortedRangeSchema = z.strictObject({ producerId: decimal, firstOffset: decimal, lastOffset: decimal })

export const gapSchema = z.strictObject({
  /** First missing offset, and the first that is there again. */
  from: decimal,
  to: decimal,
  /** `deleted`: the log start moved over it while it was read, which is loss. */
  reason: z.enum(['compaction', 'deleted', 'unknown']),
})

/** Offset ranges without any batch. All are counted, the first `gapLimit` are listed. */
export const gapsSchema = z.strictObject({ count: z.number().int(), offsets: decimal, first: z.array(gapSchema) })
export const gapLimit = 100
export const idLimit = 10_000

export const batchArtifactSchema = z.strictObject({
  /** Path from the repository root, as in the manifest's list of artifacts. */
  path: z.string(),
  firstOffset: decimal,
  /** Last offset of the last batch: past the partition's end when that batch crosses it. */
  lastOffset: decimal,
  batches: z.number().int().positive(),
  /** Records that are not control records: committed and aborted ones. */
  records: decimal,
  /** Milliseconds, over the data batches; absent when there is none. */
  minTimestamp: decimal.optional(),
  maxTimestamp: decimal.optional(),
})
export type BatchArtifact = z.output<typeof batchArtifactSchema>

export const partitionPartSchema = z.strictObject({
  partition: z.number().int().nonnegative(),
  /** Records belong to the backup from `startOffset` (inclusive) to `endOffset` (exclusive), whatever else the stored batches hold. */
  startOffset: decimal,
  endOffset: decimal,
  highWatermark: decimal,
  /** Records in committed transactions or outside any, in the batches stored. */
  committedRecords: decimal,
  aborted: z.array(abortedRangeSchema),
  gaps: gapsSchema,
  artifacts: z.array(batchArtifactSchema),
})
export type PartitionPart = z.output<typeof partitionPartSchema>

export const topicPartSchema = z.strictObject({
  name: z.string(),
  topicId: z.string(),
  kind: z.enum(['cdc', 'internal', 'application']).optional(),
  replicationFactor: z.number().int().positive(),
  /** Values set on the topic itself, not the broker's defaults. */
  configs: z.record(z.string(), z.string()),
  partitions: z.array(partitionPartSchema),
  schemaIds: z.strictObject({ key: schemaSideSchema, value: schemaSideSchema }),
})
export type TopicPart = z.output<typeof topicPartSchema>

export const groupSnapshotSchema = z.strictObject({
  groupId: z.string(),
  /** `classic`, `consumer`, `share`, `streams`. */
  type: z.string(),
  protocolType: z.string(),
  state: z.string(),
  offsets: z.array(z.strictObject({ topic: z.string(), partition: z.number().int().nonnegative(), offset: decimal, metadata: z.string() })),
})
export type GroupSnapshot = z.output<typeof groupSnapshotSchema>

/** This component's part of a manifest. */
export const kafkaPartSchema = z.strictObject({
  format: z.literal(1),
  clusterId: z.string(),
  brokers: z.number().int().positive(),
  /** Finalized feature levels (`metadata.version`…): the nearest to a version that the protocol tells. */
  features: z.record(z.string(), z.string()),
  topics: z.array(topicPartSchema),
  groups: z.array(groupSnapshotSchema),
  /** Absent in backups of versions that did not look. */
  security: securitySchema.optional(),
})
export type KafkaPart = z.output<typeof kafkaPartSchema>
/** The same as plain JSON, 64-bit numbers as decimal strings. */
export type KafkaPartJson = z.input<typeof kafkaPartSchema>

/** Parses the part out of a manifest. Throws `format-too-new`, or `artifact-damaged` when it does not fit. */
export function parseKafkaPart(part: unknown): KafkaPart {
  const format = z.looseObject({ format: z.number() }).safeParse(part)
  if (format.success && format.data.format > 1) {
    throw new DatapipeError('format-too-new', `the kafka part of the manifest has format ${format.data.format}`, { path: 'components.kafka' })
  }
  const parsed = kafkaPartSchema.safeDecode(part as KafkaPartJson)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = ['components.kafka', ...(issue?.path ?? [])].join('.')
  throw new DatapipeError('artifact-damaged', `the kafka part of the manifest does not fit: ${issue?.message ?? 'unknown'}`, {
    path,
    cause: parsed.error,
  })
}

/** The part as plain JSON, for the manifest. */
export function encodeKafkaPart(part: KafkaPart): KafkaPartJson {
  return z.encode(kafkaPartSchema, part)
}

/**
 * Schema ids that records of the backup carry, per topic and side. `avro`: every record that is not null is framed; `mostly`: at least
 * half of them; `hardly`: fewer, and what looks like an id may be five bytes of anything that begin with a zero.
 */
export function schemaIdsOf(
  part: KafkaPart,
): { topic: string; side: 'key' | 'value'; framed: 'avro' | 'mostly' | 'hardly'; ids: SchemaSide['ids'] }[] {
  return part.topics.flatMap((topic) =>
    (['key', 'value'] as const).map((side) => {
      const { framed, notFramed, ids } = topic.schemaIds[side]
      return { topic: topic.name, side, framed: notFramed === 0n ? 'avro' : framed >= notFramed ? 'mostly' : 'hardly', ids }
    }),
  )
}
