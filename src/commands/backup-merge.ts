import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import { joinShards } from '../components/kafka/backup.ts'
import { encodeKafkaPart, parseKafkaPart } from '../components/kafka/part.ts'
import { progressFile } from '../components/kafka/progress-file.ts'
import type { Artifact } from '../repository/artifact.ts'
import { createArtifactReader } from '../repository/artifact-reader.ts'
import { componentPrefix } from '../repository/layout.ts'
import { lockRepository } from '../repository/lock.ts'
import type { Manifest } from '../repository/manifest.ts'
import { createBackupWriter } from '../repository/write-backup.ts'
import { openStorage } from '../storage/open-storage.ts'
import { plannedId, readPlan, readShard, type ShardFile, type ShardPlan, shardOf } from './backup/shard-plan.ts'
import { type BackupResult, resultOf } from './backup/store-backup.ts'
import { compareRegistryTopic } from './registry-topic.ts'
import { partsOf } from './restore/parts.ts'

export interface BackupMergeOptions {
  config: DatapipeConfig
  /** The planned backup; the only one when left out. */
  id?: string
}

/**
 * Makes a backup of a planned one once all its shards are stored: checks that every partition is there, exactly once and to the end that was
 * planned, then writes the manifest. Throws `locked` while a shard is being stored, `artifact-missing` with the shards that are not.
 */
export async function backupMerge(options: BackupMergeOptions, context: Context): Promise<BackupResult> {
  const started = performance.now()
  const storage = openStorage(options.config.repository.url)
  await using _lock = await lockRepository(storage, 'backup --merge', context)
  const id = await plannedId(storage, options.id)
  const plan = await readPlan(storage, id)
  const numbers = Array.from({ length: plan.shards }, (_, index) => index + 1)
  const files = new Map<number, ShardFile>()
  for (const number of numbers) {
    const file = await readShard(storage, id, number)
    if (file !== undefined) files.set(number, file)
  }
  const missing = numbers.filter((number) => !files.has(number))
  if (missing.length > 0) {
    throw new DatapipeError('artifact-missing', `${missing.length} of ${plan.shards} shards of backup ${id} are not stored: ${missing.join(', ')}`, {
      path: id,
      hint: `datapipe backup --shard ${missing[0]}/${plan.shards} --id ${id}`,
    })
  }
  const faults = [...files].flatMap(([number, file]) => faultsOf(plan, number, file))
  if (faults.length > 0) throw new DatapipeError('artifact-damaged', `the shards do not fit the plan: ${faults.slice(0, 5).join('; ')}`, { path: id })
  const { draft } = plan
  const artifacts = new Map<string, Artifact>()
  for (const artifact of [...draft.artifacts, ...[...files.values()].flatMap((file) => file.artifacts)]) artifacts.set(artifact.path, artifact)
  // A merge that was killed may have left it.
  await storage.remove(componentPrefix(id, 'kafka') + progressFile)
  const writer = await createBackupWriter({ storage, context, id, adopted: { notes: [], nextNumber: 1 } })
  const part = parseKafkaPart(draft.components.kafka)
  const partitions = [...files.values()].flatMap((file) => file.partitions)
  const topics = await joinShards(part.topics, partitions, writer.component('kafka'))
  for (const artifact of writer.artifacts()) artifacts.set(artifact.path, artifact)
  const kafka = { ...part, topics }
  const reader = createArtifactReader(storage, [...artifacts.values()], context)
  const parts = partsOf({ manifest: draft }, ['registry'])
  const findings = [
    ...draft.findings,
    ...[...files.values()].flatMap((file) => file.findings),
    ...(await compareRegistryTopic({ parts: { ...parts, kafka }, kafka: reader, registry: reader, context })),
  ]
  const manifest: Manifest = {
    ...draft,
    finishedAt: context.now().toISOString(),
    complete: !findings.some(({ severity }) => severity === 'harm'),
    components: { ...draft.components, kafka: encodeKafkaPart(kafka) },
    findings,
    phases: [...draft.phases, ...[...files].map(([number, { seconds }]) => ({ name: `shard ${number}`, seconds }))],
    artifacts: [...artifacts.values()],
  }
  await inPhase(context, 'write the manifest', () => writer.commit(manifest))
  return resultOf(manifest, { resumed: false }, started)
}

/** What of a shard is not what the plan wants: a partition that is missing, that belongs to another, or that ends elsewhere. */
function faultsOf(plan: ShardPlan, shard: number, { partitions }: ShardFile): string[] {
  const stored = new Map(partitions.map(({ topic, part }) => [`${topic}/${part.partition}`, part]))
  const faults: string[] = []
  for (const [topic, wanted] of Object.entries(plan.frozen)) {
    for (const { partition, startOffset, endOffset } of wanted) {
      if (shardOf(topic, partition, plan.shards) !== shard) continue
      const key = `${topic}/${partition}`
      const part = stored.get(key)
      if (part === undefined) faults.push(`shard ${shard} lacks ${key}`)
      else if (part.startOffset !== startOffset || part.endOffset !== endOffset) faults.push(`shard ${shard} has other offsets of ${key}`)
      stored.delete(key)
    }
  }
  return [...faults, ...[...stored.keys()].map((key) => `shard ${shard} has ${key}, which is not its own`)]
}
