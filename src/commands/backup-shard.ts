import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { answers, DatapipeError } from '../base/errors.ts'
import { storeTopics } from '../components/kafka/backup.ts'
import { partitionDirectory } from '../components/kafka/artifact-path.ts'
import type { FrozenTopics } from '../components/kafka/freeze.ts'
import { componentPrefix } from '../repository/layout.ts'
import { lockShard } from '../repository/lock.ts'
import { pathsUnder, takeNotes } from '../repository/notes.ts'
import { createBackupWriter } from '../repository/write-backup.ts'
import { openStorage } from '../storage/open-storage.ts'
import type { Storage } from '../storage/storage.ts'
import { openEarlier } from './backup/earlier.ts'
import { plannedId, readPlan, readShard, type ShardPlan, shardOf, writeShard } from './backup/shard-plan.ts'

export interface BackupShardOptions {
  config: DatapipeConfig
  /** Numbered from 1, of as many as the plan says. */
  shard: number
  shards: number
  /** The planned backup; the only one when left out. */
  id?: string
}

export interface BackupShardResult {
  exitCode: number
  id: string
  shard: number
  shards: number
  /** True when it was stored before and nothing was to be done. */
  already: boolean
  partitions: number
  bytes: number
  records: number
  seconds: number
}

/**
 * Stores one shard of a planned backup: the partitions that fall to it, up to the ends that the plan says. Others may store the other shards
 * at the same time. What a killed run had stored is gone on with. Throws `locked`, `backup-not-found`, `usage` for a number that the plan does not have.
 */
export async function backupShard(options: BackupShardOptions, context: Context): Promise<BackupShardResult> {
  const started = performance.now()
  const { config, shard, shards } = options
  const storage = openStorage(config.repository.url)
  const id = await plannedId(storage, options.id)
  const plan = await readPlan(storage, id)
  if (shards !== plan.shards || shard < 1 || shard > shards) {
    throw new DatapipeError('usage', `shard ${shard}/${shards} of a backup that was planned in ${plan.shards}`, {
      path: id,
      hint: `--shard 1/${plan.shards} to ${plan.shards}/${plan.shards}`,
    })
  }
  const { kafka } = config
  if (kafka === undefined) throw new DatapipeError('usage', 'datapipe.yaml has no kafka')
  await using _lock = await lockShard(storage, { id, shard }, context)
  const frozen = frozenOf(plan, shard)
  const result = { exitCode: answers.ok, id, shard, shards, partitions: [...frozen.topics.values()].flat().length }
  const stored = await readShard(storage, id, shard)
  if (stored !== undefined) return { ...result, already: true, bytes: 0, records: 0, seconds: 0 }
  const adopted = await takeNotes(storage, id, shard)
  await clear(storage, id, frozen, new Set(adopted.notes.flatMap(({ artifacts }) => artifacts.map(({ path }) => path))))
  const writer = await createBackupWriter({ storage, context, id, adopted })
  const earlier = plan.previous === null ? undefined : await openEarlier(storage, plan.previous, plan.clusterId, context)
  const topics = plan.topics.filter(({ name }) => frozen.topics.has(name))
  const done = await inPhase(context, 'copy topics', () =>
    storeTopics({ config: kafka, topics, frozen, earlier, writer: writer.component('kafka'), context }),
  )
  if (done.clusterId !== plan.clusterId) {
    throw new DatapipeError('server-refused', `the plan is of cluster ${plan.clusterId}, and this is ${done.clusterId}`, { path: 'kafka' })
  }
  const seconds = (performance.now() - started) / 1000
  await writeShard(storage, id, shard, {
    format: 1,
    partitions: done.partitions,
    findings: done.findings,
    artifacts: writer.artifacts(),
    seconds,
  })
  return { ...result, already: false, bytes: done.bytes, records: Number(done.records), seconds }
}

/** The partitions of one shard, as the plan froze them. */
function frozenOf(plan: ShardPlan, shard: number): FrozenTopics {
  const topics = new Map<string, ShardPlan['frozen'][string]>()
  for (const [name, partitions] of Object.entries(plan.frozen)) {
    const own = partitions.filter(({ partition }) => shardOf(name, partition, plan.shards) === shard)
    if (own.length > 0) topics.set(name, own)
  }
  return { clusterId: plan.clusterId, takenAt: plan.takenAt, topics, findings: [] }
}

/** Removes what a killed run of this shard has stored and did not come to remember: a put never overwrites. */
async function clear(storage: Storage, id: string, frozen: FrozenTopics, remembered: ReadonlySet<string>): Promise<void> {
  for (const [topic, partitions] of frozen.topics) {
    for (const { partition } of partitions) {
      const directory = componentPrefix(id, 'kafka') + partitionDirectory(topic, partition).slice(0, -1)
      for (const end of ['/', '.']) {
        for (const path of await pathsUnder(storage, directory + end)) if (!remembered.has(path)) await storage.remove(path)
      }
    }
  }
}
