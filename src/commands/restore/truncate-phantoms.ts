import type { KafkaConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { PlanStep, RestoreOutcome } from '../../components/component.ts'
import { planRestoreGroups, restoreGroups, restoreTopics } from '../../components/kafka/index.ts'
import type { GroupSnapshot, KafkaPart } from '../../components/kafka/part.ts'
import { wipeKafka } from '../../components/kafka/wipe.ts'
import type { Backup } from '../../repository/open-backup.ts'
import { partsOf } from './parts.ts'
import type { PhantomPlan } from './phantoms.ts'

export interface TruncateOptions {
  config: KafkaConfig
  backup: Backup
  phantoms: PhantomPlan
  context: Context
}

/** What stands in the way of deleting live topics. Throws `target-is-source` without `inPlace`, `group-not-applied` for groups with members. */
export async function planTruncate({ config, backup, phantoms, context }: TruncateOptions, inPlace: boolean): Promise<PlanStep[]> {
  const { topics } = phantoms
  if (topics.length === 0) return []
  const names = topics.map(({ topic }) => topic)
  if (!inPlace)
    throw new DatapipeError('target-is-source', `--phantoms truncate deletes live topics: ${names.join(', ')}`, {
      path: 'kafka',
      hint: 'say --in-place if that is meant, or --phantoms compensate, which deletes nothing',
    })
  return await planRestoreGroups({ part: positioned(partOf(backup), phantoms), topics: names, config, context })
}

/**
 * Deletes the topics with phantoms and restores them to the cut; one that the backup does not have goes for good: all of it came later. Groups
 * stand where they stood, or on the end. Throws as `restoreTopics`, `restoreGroups`.
 */
export async function truncatePhantoms({ config, backup, phantoms, context }: TruncateOptions): Promise<RestoreOutcome[]> {
  const names = phantoms.topics.map(({ topic }) => topic)
  if (names.length === 0) return []
  const part = positioned(partOf(backup), phantoms)
  const stored = names.filter((name) => part.topics.some((topic) => topic.name === name))
  const these: KafkaConfig = { ...config, topics: { include: names, exclude: [] }, groups: { include: [], exclude: [] } }
  await inPhase(context, 'delete topics with phantoms', () => wipeKafka(these, context))
  if (stored.length === 0) return []
  const { offsetMap, ...loaded } = await inPhase(context, 'restore topics to the cut', () =>
    restoreTopics({ part, reader: backup.component('kafka'), config, topics: stored, range: { ends: new Map(phantoms.ends) }, context }),
  )
  const groups = await inPhase(context, 'restore groups', () => restoreGroups({ part, offsetMap, topics: stored, config, context }))
  const { component, counts, bytes, findings } = loaded
  return [{ component, counts, bytes, findings }, groups]
}

/**
 * The backup's Kafka with the positions that groups have now, which tell what they have read better than those of the backup; a topic that
 * was made anew since counts other offsets: there the backup's hold. Positions behind the cut are on the end.
 */
function positioned(part: KafkaPart, { topics, groups, ends }: PhantomPlan): KafkaPart {
  const same = new Set(
    topics.filter(({ topic, topicId }) => part.topics.some((own) => own.name === topic && own.topicId === topicId)).map(({ topic }) => topic),
  )
  const live = groups.map((group): GroupSnapshot => ({ ...group, offsets: group.offsets.filter(({ topic }) => same.has(topic)) }))
  const stored = part.groups.map((group): GroupSnapshot => ({ ...group, offsets: group.offsets.filter(({ topic }) => !same.has(topic)) }))
  const merged = new Map<string, GroupSnapshot>()
  for (const group of [...live, ...stored]) {
    const known = merged.get(group.groupId)
    const offsets = [...(known?.offsets ?? []), ...group.offsets].map((position) => {
      const end = ends.get(`${position.topic}/${position.partition}`)
      return end !== undefined && position.offset > end ? { ...position, offset: end } : position
    })
    merged.set(group.groupId, { ...group, offsets })
  }
  return { ...part, groups: [...merged.values()].filter(({ offsets }) => offsets.length > 0) }
}

function partOf(backup: Backup): KafkaPart {
  const { kafka } = partsOf(backup)
  if (kafka === undefined) throw new TypeError('phantoms without Kafka')
  return kafka
}
