import type { Context } from '../base/context.ts'
import type { DrillPipeline } from './prepare-pipeline.ts'
import type {
  DecodeObservation,
  ObservedConnector,
  ObservedPosition,
  ObservedTopic,
  ObservedTopicConfig,
  PostgresObservation,
  RegistryObservation,
  SlotObservation,
} from './observers/observation.ts'
import { observeConnect } from './observers/observe-connect.ts'
import { observeDecode } from './observers/observe-decode.ts'
import { observeGroups } from './observers/observe-groups.ts'
import { observeKafka } from './observers/observe-kafka.ts'
import { observePostgres } from './observers/observe-postgres.ts'
import { observeRegistry } from './observers/observe-registry.ts'
import { observeSlots } from './observers/observe-slot.ts'
import { observeTopics } from './observers/observe-topics.ts'

/** Everything the drill looks at, before the loss or after the restore. */
export interface PipelineObservation {
  postgres: PostgresObservation
  topics: ObservedTopic[]
  topicConfigs: ObservedTopicConfig[]
  groups: ObservedPosition[]
  registry: RegistryObservation
  decode: DecodeObservation
  connectors: ObservedConnector[]
  slots: SlotObservation
}

export interface ObserveOptions {
  pipeline: DrillPipeline
  /** Topics to read. */
  topics: string[]
  /** Topics whose keys and values are Avro. */
  framedTopics: string[]
  /** `topic → partition → offset after the last record that counts`; the end where left out. */
  endOffsets: Record<string, Record<string, string>>
  groups: string[]
  /** Tables that go on changing, and have checkers of their own. */
  exceptTables: string[]
  context: Context
}

/** Looks at all four servers with clients that share no code with the engine. */
export async function observeAll(options: ObserveOptions): Promise<PipelineObservation> {
  const { pipeline, endOffsets, context } = options
  const { signal } = context
  const topics = await observeKafka(pipeline.kafka, { topics: options.topics, endOffsets, signal })
  return {
    postgres: await observePostgres(pipeline.postgresUrl, { exceptTables: options.exceptTables, signal }),
    topics,
    topicConfigs: await observeTopics(pipeline.kafka, options.topics),
    groups: await observeGroups(pipeline.kafka, topics, options.groups),
    registry: await observeRegistry(pipeline.registry, signal),
    decode: await observeDecode(pipeline.kafka, pipeline.registry, { topics: options.framedTopics, endOffsets, signal }),
    connectors: await observeConnect(pipeline.connect, signal),
    slots: await observeSlots(pipeline.postgresUrl),
  }
}

/** The same number of records in each partition of the restored topics, whose offsets begin at 0: what may follow is new. */
export function asManyAs(before: ObservedTopic[], topics: string[]): Record<string, Record<string, string>> {
  return Object.fromEntries(
    before
      .filter(({ topic }) => topics.includes(topic))
      .map(({ topic, partitions }) => [topic, Object.fromEntries(partitions.map(({ partition, records }) => [partition, String(records.length)]))]),
  )
}
