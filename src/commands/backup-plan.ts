import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { answers, DatapipeError } from '../base/errors.ts'
import type { RecoveryPoint } from '../repository/manifest.ts'
import { findEarlier } from './backup/earlier.ts'
import { withPrepared } from './backup/prepare.ts'
import { shardOf, writePlan } from './backup/shard-plan.ts'
import { gather } from './backup/store-backup.ts'

export interface BackupPlanOptions {
  config: DatapipeConfig
  /** In how many shards the topics' records are to be stored. */
  shards: number
  fresh?: boolean
  full?: boolean
  label?: string
}

export interface BackupPlanResult {
  exitCode: number
  id: string
  shards: number
  recoveryPoint: RecoveryPoint
  /** Of each shard, in order: how many partitions it has, and the offsets to read there. */
  load: { partitions: number; offsets: bigint }[]
  seconds: number
}

/**
 * Takes the recovery point of a backup whose topics are stored by several processes, and stores everything else: WAL, base backup, registry,
 * connectors. What it leaves is an unfinished backup with a plan; `backupShard` stores the parts, `backupMerge` makes it a backup.
 */
export async function backupPlan(options: BackupPlanOptions, outer: Context): Promise<BackupPlanResult> {
  const started = performance.now()
  const { config, shards } = options
  if (config.kafka === undefined) throw new DatapipeError('usage', 'there are no topics to store in shards', { hint: 'datapipe.yaml has no kafka' })
  return await withPrepared(options, outer, async (prepared) => {
    const { storage, writer, recording, full } = prepared
    const { context } = recording
    const { manifest, point } = await gather({ ...prepared, inShards: true })
    const { topics, frozen } = point
    if (topics === undefined || frozen === undefined) throw new TypeError('a point without topics')
    const earlier = full ? undefined : await findEarlier(storage, frozen.clusterId, context)
    await inPhase(context, 'write the plan', () =>
      writePlan(storage, writer.id, {
        format: 1,
        shards,
        previous: earlier?.id ?? null,
        topics,
        clusterId: frozen.clusterId,
        takenAt: frozen.takenAt,
        frozen: Object.fromEntries(frozen.topics),
        draft: manifest,
      }),
    )
    const load = Array.from({ length: shards }, () => ({ partitions: 0, offsets: 0n }))
    for (const [topic, partitions] of frozen.topics) {
      for (const { partition, startOffset, endOffset } of partitions) {
        const own = load[shardOf(topic, partition, shards) - 1]
        if (own === undefined) continue
        own.partitions++
        own.offsets += endOffset - startOffset
      }
    }
    const { id, recoveryPoint } = manifest
    return { exitCode: answers.ok, id, shards, recoveryPoint, load, seconds: (performance.now() - started) / 1000 }
  })
}
