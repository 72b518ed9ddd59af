import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { connectKafka, type KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import { newProducerId } from '../../clients/kafka/produce-raw.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import type { PlanStep, RestoreOutcome } from '../component.ts'
import { applyConfigs } from './apply-configs.ts'
import { inLanes } from './in-lanes.ts'
import { checkKeptOffsets, markerFindings } from './kept-offsets.ts'
import { loadWork, workOf } from './load-work.ts'
import type { OffsetMap } from './offset-map.ts'
import type { KafkaPart } from './part.ts'
import { prepareTarget, takeBack } from './prepare-target.ts'
import { lookAtTargets, type RestoreTarget, type TargetOptions } from './restore-targets.ts'
import { proveOrderByKey } from './spread-order.ts'
import type { SpreadPositions } from './spread-positions.ts'
import { rangeOfTopic } from './record-range.ts'
import type { TopicChoices } from './topic-choices.ts'

export interface PlanRestoreOptions extends TopicChoices {
  part: KafkaPart
  config: KafkaConfig
  /** Names of the topics to restore, as in the backup. */
  topics: string[]
  context: Context
  /** With it the plan knows how large topics are. */
  reader?: ArtifactReader
}

export interface TopicRestorePlan {
  steps: PlanStep[]
  /** What will not be as it was, or not for long. */
  findings: Finding[]
}

/** What `restoreTopics` would do. Throws what it would refuse: as `lookAtTargets`, `unreachable`… */
export async function planRestoreTopics(options: PlanRestoreOptions): Promise<TopicRestorePlan> {
  await using client = await connectKafka(options.config, options.context)
  const targets = await findTargets(client, options)
  return {
    steps: targets.flatMap((target) => describeTarget(target, options)),
    findings: targets.flatMap(({ findings, retention }) => [
      ...findings,
      ...retention(({ artifacts }) => storedBytes(artifacts, sizesOf(options.reader))),
    ]),
  }
}

function describeTarget(
  { topic, name, partitions, replicationFactor, existing, loaded: before, configs }: RestoreTarget,
  choices: TopicChoices,
): PlanStep[] {
  const settings = Object.entries(configs).map(([key, value]) => `, ${key}=${value}`)
  const shape = `${partitions} partitions, replication factor ${replicationFactor}${settings.join('')}`
  const records = topic.partitions.reduce((sum, { committedRecords }) => sum + committedRecords, 0n)
  const origin = name === topic.name ? '' : ` of ${topic.name}`
  const spread = partitions === topic.partitions.length ? '' : `, spread by key from ${topic.partitions.length} partitions,`
  const loaded = choices.range === undefined ? `${records} records` : `those of ${records} records that are in the range,`
  const kept = choices.preserveOffsets ? ' at their own offsets' : ''
  const compacts = configs['cleanup.policy']?.includes('compact') ? ', after which the brokers compact it again as before' : ''
  const there = [...before.values()].reduce((sum, count) => sum + count, 0n)
  if (there > 0n) {
    return [
      step(`go on with topic ${name}: it holds the first ${there} of ${records} records${origin}, as a restore that was killed leaves them`),
      step(`load the rest into ${name}, then put its configuration back (${shape})${compacts}`),
    ]
  }
  return [
    step(existing === undefined ? `create topic ${name} (${shape})` : `take the empty topic ${name} and set its configuration (${shape})`),
    step(
      `load ${loaded}${origin} into ${name}${kept}${spread} with retention, cleaning and timestamp limits held off, then put its configuration back${compacts}`,
    ),
  ]
}

function step(text: string): PlanStep {
  return { component: 'kafka', text, destructive: false }
}

/** The targets, after everything that would refuse them. */
async function findTargets(client: KafkaClient, options: PlanRestoreOptions): Promise<RestoreTarget[]> {
  const targets = await lookAtTargets(client, targetOptions(options))
  if (options.preserveOffsets) await checkKeptOffsets(client, targets)
  const { reader, range, context } = options
  for (const { topic, partitions } of targets) {
    if (reader !== undefined && partitions !== topic.partitions.length)
      await proveOrderByKey({ reader, topic, range: rangeOfTopic(range, topic.name), context, onBytes: () => {} })
  }
  return targets
}

function targetOptions({ part, topics, context, ...choices }: PlanRestoreOptions): TargetOptions {
  return { ...choices, part, topics, now: context.now() }
}

function sizesOf(reader: ArtifactReader | undefined): Map<string, number> {
  return new Map(reader?.artifacts.map(({ path, bytes }) => [path, bytes]))
}

function storedBytes(artifacts: readonly { path: string }[], sizes: ReadonlyMap<string, number>): number {
  return artifacts.reduce((sum, { path }) => sum + (sizes.get(path) ?? 0), 0)
}

export interface RestoreTopicsOptions extends PlanRestoreOptions {
  reader: ArtifactReader
  /** Partitions written at the same time (default 4). */
  lanes?: number
}

export interface RestoredTopics extends RestoreOutcome {
  /** Where every record went, but those of `spread`. */
  offsetMap: OffsetMap
  /** By topics of the backup whose records are in other partitions now: where groups stand there. */
  spread: ReadonlyMap<string, SpreadPositions>
}

/**
 * Creates the topics (or takes empty ones, or goes on with those that a killed restore has left), loads their committed records, reads the ends back and puts the configurations back. The
 * offset map says where every record went. Throws as `planRestoreTopics`, `artifact-damaged`, `restore-mismatch`.
 */
export async function restoreTopics(options: RestoreTopicsOptions): Promise<RestoredTopics> {
  await using client = await connectKafka(options.config, options.context)
  const targets = await findTargets(client, options)
  try {
    return await load(client, targets, options)
  } catch (error) {
    await takeBack(targets, options)
    throw error
  }
}

async function load(client: KafkaClient, targets: RestoreTarget[], options: RestoreTopicsOptions): Promise<RestoredTopics> {
  const { context } = options
  const looking = targetOptions(options)
  for (const target of targets) await prepareTarget(client, target, looking)
  const starts = await readEnds(client, targets)
  const producer = await newProducerId(client)
  const offsetMap: OffsetMap = new Map()
  const sizes = sizesOf(options.reader)
  const artifacts = targets.flatMap(({ topic }) => topic.partitions.flatMap((part) => part.artifacts))
  // Of files that are stored compressed nobody knows beforehand how much is in them.
  const total = artifacts.some(({ path }) => path.endsWith('.zst')) ? {} : { total: storedBytes(artifacts, sizes) }
  const bytesOf = new Map<string, ReadonlyMap<number, number>[]>()
  const written = new Map<string, bigint>()
  const markers = new Map<string, bigint>()
  const spread = new Map<string, SpreadPositions>()
  let records = 0n
  let bytes = 0
  const onBytes = (size: number) => {
    bytes += size
    context.emit({ type: 'progress', task: 'kafka restore', done: bytes, ...total, unit: 'bytes' })
  }
  const { groups } = options.part
  await inLanes(workOf(targets), options.lanes ?? 4, async (work, number) => {
    const { topic, name } = work.target
    const loaded = await loadWork(work, { ...options, client, lane: `produce ${number}`, groups, producer, starts, offsetMap, onBytes })
    records += loaded.records
    bytesOf.set(name, [...(bytesOf.get(name) ?? []), loaded.bytes])
    for (const { partition, end } of loaded.ends) written.set(`${name}/${partition}`, end)
    markers.set(name, (markers.get(name) ?? 0n) + (loaded.markers ?? 0n))
    if (loaded.positions !== undefined) spread.set(topic.name, loaded.positions)
  })
  await checkEnds(client, targets, written)
  const findings: Finding[] = []
  for (const { name, configs, findings: known, retention } of targets) {
    const loaded = new Map((bytesOf.get(name) ?? []).flatMap((each) => [...each]))
    findings.push(
      ...known,
      ...retention(({ partition }) => loaded.get(partition) ?? 0),
      ...markerFindings(name, markers.get(name) ?? 0n),
      ...(await applyConfigs(client, name, configs)),
    )
  }
  const counts = { topics: targets.length, partitions: written.size, records: Number(records) }
  return { component: 'kafka', counts, bytes, findings, offsetMap, spread }
}

/** The ends of all partitions; waits until the leaders of topics just created answer. */
async function readEnds(client: KafkaClient, targets: RestoreTarget[]): Promise<Map<string, Map<number, bigint>>> {
  return listOffsets(client, new Map(targets.map(({ name, partitions }) => [name, [...Array(partitions).keys()]])), 'latest')
}

async function checkEnds(client: KafkaClient, targets: RestoreTarget[], written: Map<string, bigint>): Promise<void> {
  const ends = await readEnds(client, targets)
  for (const [key, expected] of written) {
    const slash = key.lastIndexOf('/')
    const end = ends.get(key.slice(0, slash))?.get(Number(key.slice(slash + 1)))
    if (end !== expected) {
      throw new DatapipeError('restore-mismatch', `${key} ends at offset ${end ?? 'none'} after the load instead of ${expected}`, {
        path: `kafka/topics/${key}`,
      })
    }
  }
}
