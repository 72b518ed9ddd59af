import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { kafkaCodeOf, kafkaErrors } from '../../clients/kafka/failure.ts'
import { connectKafka, type KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import { newProducerId } from '../../clients/kafka/produce-raw.ts'
import { alterTopicConfig, createTopic, deleteTopics } from '../../clients/kafka/topic-admin.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import type { PlanStep, RestoreOutcome } from '../component.ts'
import { applyOriginalConfigs, waitForConfigs } from './apply-configs.ts'
import { inLanes } from './in-lanes.ts'
import { configChanges } from './load-config.ts'
import type { OffsetMap } from './offset-map.ts'
import type { KafkaPart, TopicPart } from './part.ts'
import { restorePartition } from './restore-partition.ts'
import { lookAtTargets, type RestoreTarget } from './restore-targets.ts'
import { retentionFindings } from './retention-findings.ts'

export interface PlanRestoreOptions {
  part: KafkaPart
  config: KafkaConfig
  /** Names of the topics to restore. */
  topics: string[]
  context: Context
  /** For topics to be created, instead of their own: needed when the cluster has fewer brokers than they had replicas. */
  replicationFactor?: number
}

/** What `restoreTopics` would do. Throws what it would refuse: `target-not-empty`, `not-supported`, `unreachable`… */
export async function planRestoreTopics(options: PlanRestoreOptions): Promise<PlanStep[]> {
  await using client = await connectKafka(options.config, options.context)
  const targets = await lookAtTargets(client, options.part, options.topics, options.replicationFactor)
  return targets.flatMap(({ topic, replicationFactor, existing }) => {
    const configs = Object.entries(topic.configs).map(([name, value]) => `, ${name}=${value}`)
    const shape = `${topic.partitions.length} partitions, replication factor ${replicationFactor}${configs.join('')}`
    const records = topic.partitions.reduce((sum, { committedRecords }) => sum + committedRecords, 0n)
    return [
      step(
        existing === undefined ? `create topic ${topic.name} (${shape})` : `take the empty topic ${topic.name} and set its configuration (${shape})`,
      ),
      step(`load ${records} records into ${topic.name} with retention, cleaning and timestamp limits held off, then put its configuration back`),
    ]
  })
}

function step(text: string): PlanStep {
  return { component: 'kafka', text, destructive: false }
}

export interface RestoreTopicsOptions extends PlanRestoreOptions {
  reader: ArtifactReader
  /** Partitions written at the same time (default 4). */
  lanes?: number
}

/**
 * Creates the topics (or takes empty ones), loads their committed records, reads the ends back and puts the configurations back. The
 * offset map says where every record went. Throws as `planRestoreTopics`, `artifact-damaged`, `restore-mismatch`.
 */
export async function restoreTopics(options: RestoreTopicsOptions): Promise<RestoreOutcome & { offsetMap: OffsetMap }> {
  const { part, config, context } = options
  await using client = await connectKafka(config, context)
  const targets = await lookAtTargets(client, part, options.topics, options.replicationFactor)
  try {
    return await load(client, targets, options)
  } catch (error) {
    await takeBack(targets, options)
    throw error
  }
}

/**
 * Leaves no half-loaded topic behind: those made here are deleted; those that were there, empty, get their configuration back and hold what
 * was loaded so far. Nothing is thrown: what cannot be taken back is logged, and the error that brought us here counts.
 */
async function takeBack(targets: RestoreTarget[], { config, context }: RestoreTopicsOptions): Promise<void> {
  // The load may have been interrupted; its clean-up must not be.
  const calm: Context = { signal: new AbortController().signal, now: () => context.now(), emit: (event) => context.emit(event) }
  try {
    await using client = await connectKafka(config, calm)
    const made = targets.filter(({ existing }) => existing === undefined).map(({ topic }) => topic.name)
    await deleteTopics(client, made)
    for (const { topic, existing, loading } of targets) {
      if (existing === undefined) continue
      await alterTopicConfig(
        client,
        topic.name,
        existing.configs,
        Object.keys(loading).filter((name) => !(name in existing.configs)),
      )
      context.emit({
        type: 'log',
        level: 'warning',
        component: 'kafka',
        message: `topic ${topic.name} may hold a part of its records: empty it before the next try`,
      })
    }
    if (made.length > 0) context.emit({ type: 'log', level: 'warning', component: 'kafka', message: `deleted ${made.length} half-loaded topics` })
  } catch (error) {
    context.emit({
      type: 'log',
      level: 'warning',
      component: 'kafka',
      message: `half-loaded topics are still there, wipe them before the next try: ${describeError(error)}`,
    })
  }
}

async function load(
  client: KafkaClient,
  targets: RestoreTarget[],
  options: RestoreTopicsOptions,
): Promise<RestoreOutcome & { offsetMap: OffsetMap }> {
  const { reader, context } = options
  for (const target of targets) await prepare(client, target, options)
  const topics = targets.map(({ topic }) => topic)
  const starts = await readEnds(client, topics)
  const producer = await newProducerId(client)
  const offsetMap: OffsetMap = new Map()
  const total = sum(topics.flatMap(({ partitions }) => partitions.flatMap((item) => item.artifacts.map(({ path }) => sizeOf(reader, path)))))
  const written = new Map<string, bigint>()
  let bytes = 0
  const work = topics.flatMap((topic) => topic.partitions.map((partition) => ({ topic: topic.name, partition })))
  await inLanes(work, options.lanes ?? 4, async ({ topic, partition }, lane) => {
    const startOffset = starts.get(topic)?.get(partition.partition) ?? 0n
    const result = await restorePartition({
      client,
      lane: `produce ${lane}`,
      reader,
      topic,
      part: partition,
      producer,
      startOffset,
      offsetMap,
      onBytes: (size) => {
        bytes += size
        context.emit({ type: 'progress', task: 'kafka restore', done: bytes, total, unit: 'bytes' })
      },
    })
    written.set(`${topic}/${partition.partition}`, startOffset + result.records)
  })
  await checkEnds(client, topics, written)
  const findings: Finding[] = []
  for (const topic of topics) {
    findings.push(...(await applyOriginalConfigs(client, topic)))
    findings.push(...(await retentionFindings(client, topic, context.now())))
  }
  const records = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partition }) => (written.get(`${name}/${partition}`) ?? 0n) - (starts.get(name)?.get(partition) ?? 0n)),
  )
  const counts = { topics: topics.length, partitions: work.length, records: Number(records.reduce((all, count) => all + count, 0n)) }
  return { component: 'kafka', counts, bytes, findings, offsetMap }
}

/** Creates the topic, or brings an empty one, into the state for loading. */
async function prepare(client: KafkaClient, target: RestoreTarget, options: PlanRestoreOptions): Promise<void> {
  const { topic, replicationFactor, existing, loading } = target
  const name = topic.name
  if (existing !== undefined) {
    const { set, remove } = configChanges(existing.configs, loading)
    await alterTopicConfig(client, name, set, remove)
    await waitForConfigs(client, name, loading)
    return
  }
  // Settings that the load does not depend on come with the originals afterwards, where one that this broker lacks can be left out.
  const segments = Object.entries(topic.configs).filter(([key]) => key.startsWith('segment.'))
  const configs = { ...Object.fromEntries(segments), ...loading }
  try {
    await createTopic(client, { name, partitions: topic.partitions.length, replicationFactor, configs })
  } catch (error) {
    if (kafkaCodeOf(error) !== kafkaErrors.topicAlreadyExists) throw error
    // Made a moment ago, by somebody else or by our own request whose answer was lost: it is judged like any topic that was there before.
    const shown = async () => (await client.retrying(() => client.topics([name]))).length > 0
    await waitUntil(shown, { what: `topic ${name} to be shown`, timeoutMs: 30_000, signal: client.context.signal })
    const [again] = await lookAtTargets(client, options.part, [name], options.replicationFactor)
    if (again?.existing === undefined) throw error
    await prepare(client, again, options)
  }
}

/** The ends of all partitions; waits until the leaders of topics just created answer. */
async function readEnds(client: KafkaClient, topics: TopicPart[]): Promise<Map<string, Map<number, bigint>>> {
  const wanted = new Map(topics.map(({ name, partitions }) => [name, partitions.map(({ partition }) => partition)]))
  return listOffsets(client, wanted, 'latest')
}

async function checkEnds(client: KafkaClient, topics: TopicPart[], written: Map<string, bigint>): Promise<void> {
  const ends = await readEnds(client, topics)
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

function sizeOf(reader: ArtifactReader, path: string): number {
  return reader.artifacts.find((artifact) => artifact.path === path)?.bytes ?? 0
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
