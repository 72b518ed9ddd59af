import type { Context } from '../base/context.ts'
import type { ObservedTopic } from './observers/observation.ts'
import { observeTopics } from './observers/observe-topics.ts'
import type { DrillPipeline } from './prepare-pipeline.ts'
import { topicOf, topicPrefix } from './workloads/connector.ts'
import { applicationGroups, framedApplicationTopics } from './workloads/fill-kafka.ts'
import { ledgerTables } from './workloads/fill-postgres.ts'

export interface DrillTopic {
  name: string
  kind: 'cdc' | 'internal' | 'application'
}

/** Every topic that the source has, by the drill's own look at it: one that the backup forgot must not be forgotten here too. */
export async function topicsOf(pipeline: DrillPipeline): Promise<DrillTopic[]> {
  return (await observeTopics(pipeline.kafka)).map(({ topic }) => ({ name: topic, kind: kindOf(topic) }))
}

function kindOf(topic: string): DrillTopic['kind'] {
  if (/^(connect-(configs|offsets|status)|kafkasql-(journal|snapshots)|registry-events)$/.test(topic)) return 'internal'
  return topic.startsWith(`${topicPrefix}.`) || topic === `__debezium-heartbeat.${topicPrefix}` ? 'cdc' : 'application'
}

/** Topics that somebody writes to after the recovery point are looked at up to it; all others whole, as nothing but a fault can lie behind it. */
export function cutFor(topics: DrillTopic[], endOffsets: Record<string, Record<string, string>>): Record<string, Record<string, string>> {
  const written = topics
    .filter(({ name, kind }) => kind === 'internal' || growingTopics.includes(name) || name in ledgerTopics)
    .map(({ name }) => name)
  return Object.fromEntries(Object.entries(endOffsets).filter(([topic]) => written.includes(topic)))
}

/** Topics that go on growing by themselves: heartbeats, and the canary's. */
export const growingTopics = [topicOf('shop.canary'), `__debezium-heartbeat.${topicPrefix}`]
export const ledgerTopics = Object.fromEntries(ledgerTables.map((table) => [topicOf(table), table.replace('public.', '')]))

export function whatToObserve(topics: DrillTopic[], pipeline: DrillPipeline, context: Context) {
  const framed = topics.filter(({ name, kind }) => kind === 'cdc' || framedApplicationTopics.includes(name)).map(({ name }) => name)
  return {
    pipeline,
    topics: topics.map(({ name }) => name),
    framedTopics: framed,
    groups: applicationGroups,
    exceptTables: [...ledgerTables, 'shop.canary'],
    context,
  }
}

/** `table → partition → end` of the ledger's topics: events from there on are new. */
export function endsOf({
  topics,
}: {
  topics: { topic: string; partitions: { partition: number; end: string }[] }[]
}): Record<string, Record<string, string>> {
  return Object.fromEntries(
    topics.flatMap(({ topic, partitions }) => {
      const table = ledgerTopics[topic]
      return table === undefined ? [] : [[table, Object.fromEntries(partitions.map(({ partition, end }) => [partition, end]))]]
    }),
  )
}

/** The same ends again, for topics that were left alone and have grown since. */
export function endsBefore(before: ObservedTopic[], topics: string[]): Record<string, Record<string, string>> {
  return Object.fromEntries(
    before
      .filter(({ topic }) => topics.includes(topic))
      .map(({ topic, partitions }) => [topic, Object.fromEntries(partitions.map(({ partition, end }) => [partition, end]))]),
  )
}
