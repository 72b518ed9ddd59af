import { createHash } from 'node:crypto'
import { z } from 'zod'
import { DatapipeError } from '../../base/errors.ts'
import { stringifyJson } from '../../base/lossless-json.ts'
import { artifactSummarySchema } from '../../components/kafka/artifact-summary.ts'
import { decimal, partitionPartSchema } from '../../components/kafka/part.ts'
import { artifactSchema } from '../../repository/artifact.ts'
import { planPath, shardPath } from '../../repository/layout.ts'
import { manifestSchema } from '../../repository/manifest.ts'
import { parseStoredJson, readBytes } from '../../repository/read-json.ts'
import { waitingPlans } from '../../repository/waiting-plans.ts'
import type { Storage } from '../../storage/storage.ts'

const frozenPartitionSchema = z.strictObject({ partition: z.number().int(), startOffset: decimal, endOffset: decimal, highWatermark: decimal })

/** `plan.json`: the recovery point is taken, everything but the topics' records is stored; what each shard has to store follows from it. */
const planSchema = z.strictObject({
  format: z.literal(1),
  /** How many shards, numbered from 1. */
  shards: z.number().int().positive(),
  /** The backup whose files the shards go on from; null when they store everything. */
  previous: z.string().nullable(),
  topics: z.array(
    z.strictObject({
      name: z.string(),
      topicId: z.string(),
      partitions: z.number().int(),
      replicationFactor: z.number().int(),
      configs: z.record(z.string(), z.string()),
      internal: z.boolean(),
    }),
  ),
  clusterId: z.string(),
  takenAt: z.string(),
  frozen: z.record(z.string(), z.array(frozenPartitionSchema)),
  /** The manifest as far as it goes: its topics have no partitions. */
  draft: manifestSchema,
})
export type ShardPlan = z.output<typeof planSchema>

/** `shards/I.json`: written when all partitions of the shard are stored. */
const shardSchema = z.strictObject({
  format: z.literal(1),
  partitions: z.array(z.strictObject({ topic: z.string(), part: partitionPartSchema, summaries: z.array(artifactSummarySchema) })),
  findings: manifestSchema.shape.findings,
  artifacts: z.array(artifactSchema),
  seconds: z.number(),
})
export type ShardFile = z.output<typeof shardSchema>

/** The shard, numbered from 1, that a partition belongs to: the same for everybody who asks. */
export function shardOf(topic: string, partition: number, shards: number): number {
  return (createHash('sha256').update(`${topic}/${partition}`).digest().readUIntBE(0, 6) % shards) + 1
}

export async function writePlan(storage: Storage, id: string, plan: ShardPlan): Promise<void> {
  await storage.put(planPath(id), [Buffer.from(`${stringifyJson(z.encode(planSchema, plan), 1)}\n`)])
}

/** Throws `backup-not-found` when that backup has no plan. */
export async function readPlan(storage: Storage, id: string): Promise<ShardPlan> {
  if (!(await storage.exists(planPath(id)))) throw new DatapipeError('backup-not-found', `backup ${id} was not planned`, { path: planPath(id) })
  return await readStored(storage, planSchema, planPath(id))
}

export async function writeShard(storage: Storage, id: string, shard: number, file: ShardFile): Promise<void> {
  await storage.put(shardPath(id, shard), [Buffer.from(`${stringifyJson(z.encode(shardSchema, file), 1)}\n`)])
}

/** Undefined when the shard is not stored yet. */
export async function readShard(storage: Storage, id: string, shard: number): Promise<ShardFile | undefined> {
  return (await storage.exists(shardPath(id, shard))) ? await readStored(storage, shardSchema, shardPath(id, shard)) : undefined
}

/** The id of the planned backup: the one that was named, or the only one there is. Throws `backup-not-found`. */
export async function plannedId(storage: Storage, named: string | undefined): Promise<string> {
  if (named !== undefined && named !== 'planned') return named
  const [first, second] = await waitingPlans(storage)
  if (first !== undefined && second === undefined) return first.id
  const what = first === undefined ? 'no backup waits for shards' : 'several backups wait for shards'
  throw new DatapipeError('backup-not-found', what, { hint: 'plan one with `datapipe backup --shards N`, or name it by its id' })
}

async function readStored<S extends z.ZodType>(storage: Storage, schema: S, path: string): Promise<z.output<S>> {
  const parsed = schema.safeDecode(parseStoredJson((await readBytes(storage, path)).toString('utf8'), path) as never)
  if (parsed.success) return parsed.data
  throw new DatapipeError('artifact-damaged', `${path} does not fit: ${parsed.error.issues[0]?.message ?? 'invalid'}`, { path, cause: parsed.error })
}
