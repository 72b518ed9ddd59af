import type { DatapipeConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import type { Finding } from '../../base/finding.ts'
import { isSameTopic, liveSchemaIds } from '../../components/kafka/live-schema-ids.ts'
import type { KafkaPart } from '../../components/kafka/part.ts'
import { probeRegistry, type RegistryPart, type RegistryRoute } from '../../components/registry/index.ts'
import type { Backup } from '../../repository/open-backup.ts'
import { registryTopics } from '../backup/topic-kinds.ts'
import { type Parts, partsOf, usedIdsOf } from './parts.ts'

/**
 * The registry's topics, for a registry that comes back alone by its raw topic: `--only registry` has left all of Kafka out. Undefined
 * otherwise. Throws `ids-would-change` when the backup does not hold the topic.
 */
export function registryTopicsAlone(
  backup: Backup,
  only: ComponentName[] | undefined,
  route: RegistryRoute | 'auto' | undefined,
): KafkaPart | undefined {
  const { kafka, registry } = partsOf(backup)
  if (route !== 'raw-topic' || registry === undefined || !only?.includes('registry') || only.includes('kafka')) return undefined
  const names = registryTopics(registry.topic)
  if (kafka === undefined || !kafka.topics.some(({ name }) => name === registry.topic.name))
    throw new DatapipeError('ids-would-change', `the backup does not hold ${registry.topic.name}: the raw route needs it`)
  const { security: _, ...rest } = kafka
  return { ...rest, topics: kafka.topics.filter(({ name }) => names.includes(name)), groups: [] }
}

export interface RegistryAloneOptions {
  config: DatapipeConfig
  backup: Backup
  parts: Parts
  context: Context
}

/**
 * What a registry that comes back to a Kafka that lives on would not know: ids that records carry and the backup does not have, since they
 * were registered after it. The registry gives such an id to another schema when it gets there, and the records are read wrongly without a word. And, where
 * Kafka still has the registry's own topic: that it knows more than the backup. Nothing when topics are restored, too.
 */
export async function lostIds({ config, backup, parts, context }: RegistryAloneOptions): Promise<Finding[]> {
  const { kafka, registry, connect } = partsOf(backup)
  const restoresTopics = parts.kafka !== undefined && parts.kafka.topics.length === kafka?.topics.length
  if (parts.registry === undefined || registry === undefined || kafka === undefined || config.kafka === undefined || restoresTopics) return []
  const { kafka: live } = config
  const without = new Set([...registryTopics(registry.topic), ...Object.values(connect?.internalTopics ?? {})])
  const look = () => liveSchemaIds({ config: live, part: kafka, without, context })
  const topics = await inPhase(context, 'look for schema ids in live topics', look).catch((error: unknown) => {
    if (error instanceof DatapipeError && error.code === 'unreachable') return undefined
    throw error
  })
  if (topics === undefined) return [notLooked(live.bootstrapServers.join(','))]
  const known = new Set(registry.ids.map(({ id }) => id))
  const used = usedIdsOf({ kafka: { ...kafka, topics: topics.map((topic) => ({ ...emptyTopic, ...topic })) }, registry })
  // Several sides of a topic may carry one id: the first of them is told.
  const strangers = Map.groupBy(
    used.filter(({ id }) => !known.has(id)),
    ({ id }) => id,
  )
  const answered = await idsOfLive(config, [...strangers.keys()], context)
  const findings = [...strangers.values()].flatMap(([first]) => (first === undefined || answered.has(first.id) ? [] : [idLost(first)]))
  const journal = await isSameTopic(live, kafka, registry.topic.name, context)
  return journal && findings.length > 0 ? [...findings, topicLives(registry)] : findings
}

const emptyTopic: KafkaPart['topics'][number] = {
  name: '',
  topicId: '',
  replicationFactor: 1,
  configs: {},
  partitions: [],
  schemaIds: { key: { framed: 0n, notFramed: 0n, nulls: 0n, ids: [] }, value: { framed: 0n, notFramed: 0n, nulls: 0n, ids: [] } },
}

/** Apicurio keeps contents under their ids when their subjects are deleted; then nothing is lost. A registry that is down has none. */
async function idsOfLive({ registry }: DatapipeConfig, ids: readonly number[], context: Context): Promise<Set<number>> {
  const answered = new Set<number>()
  if (registry === undefined || ids.length === 0) return answered
  try {
    const { confluent } = (await probeRegistry(registry, context)).connection
    for (const id of ids) if ((await confluent.byId(id)) !== undefined) answered.add(id)
  } catch (error) {
    if (!(error instanceof DatapipeError) || error.code !== 'unreachable') throw error
  }
  return answered
}

function idLost({ id, topic, partition, offset }: { id: number; topic: string; partition: number; offset: bigint }): Finding {
  return {
    severity: 'harm',
    code: 'live-id-lost',
    component: 'registry',
    item: `id ${id}`,
    message: `${topic}/${partition}/${offset} is the first live record that carries it, and the backup does not have it: registered since; sooner or later the registry gives it to another schema`,
    next: 'keep producers from registering; register schemas again in the order in which they were, until this id is taken by its own',
  }
}

function notLooked(servers: string): Finding {
  const message = 'Kafka does not answer: nobody has looked whether its records carry ids that were registered since the backup'
  return {
    severity: 'warning',
    code: 'live-ids-not-looked-at',
    component: 'kafka',
    item: servers,
    message,
    next: 'datapipe restore BACKUP --only registry --dry-run, once it answers',
  }
}

function topicLives({ topic }: RegistryPart): Finding {
  return {
    severity: 'warning',
    code: 'registry-topic-lives',
    component: 'registry',
    item: topic.name,
    message: 'Kafka still has this very topic, with all that was registered since the backup: a registry that reads it needs no restore',
    next: `start the registry on this Kafka with ${topic.name}, and look at \`datapipe check\``,
  }
}
