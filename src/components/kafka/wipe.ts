import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { deleteGroups, fetchCommitted, type GroupListing, listGroups } from '../../clients/kafka/group-admin.ts'
import { connectKafka, type KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { deleteTopics } from '../../clients/kafka/topic-admin.ts'
import type { PlanStep } from '../component.ts'
import { isEphemeralGroup } from './ephemeral-groups.ts'
import { matchesAny } from './match-names.ts'
import { selectFrom, type TopicInfo } from './select-topics.ts'

/** What `wipeKafka` would remove: the selected topics and groups. A pattern without a topic is no error here. */
export async function planWipeKafka(config: KafkaConfig, context: Context): Promise<PlanStep[]> {
  await using client = await connectKafka(config, context)
  const { topics, groups } = await victims(client, config)
  const step = (text: string): PlanStep => ({ component: 'kafka', text, destructive: true })
  return [
    ...groups.map(({ groupId, state }) => step(`delete group ${groupId} (${state})`)),
    ...topics.map(({ name, partitions }) => step(`delete topic ${name} (${partitions} partitions)`)),
  ]
}

/**
 * Deletes the selected groups, then the selected topics, and waits until no broker shows those topics any more. A topic that was made anew
 * meanwhile (auto-creation, a running Connect) is left and logged. Throws `server-refused` when a group still has members.
 */
export async function wipeKafka(config: KafkaConfig, context: Context): Promise<void> {
  await using client = await connectKafka(config, context)
  const { topics, groups } = await victims(client, config)
  const refused: string[] = []
  for (const { groupId } of groups)
    await deleteGroups(client, [groupId]).catch((error: unknown) => refused.push(`${groupId}: ${describeError(error)}`))
  if (refused.length > 0)
    throw new DatapipeError('server-refused', `groups not deleted: ${refused.join('; ')}`, { hint: 'stop their consumers, then wipe again' })
  for (const { name } of topics) await deleteTopics(client, [name])
  await waitUntil(async () => (await leftOver(client, topics)).length === 0 || undefined, {
    what: `deletion of ${topics.length} topics on every broker`,
    timeoutMs: 120_000,
    signal: context.signal,
    lastWords: async () => `still there: ${(await leftOver(client, topics)).join(', ')}`,
  })
  const again = await client.retrying(() => client.topics(topics.map(({ name }) => name)))
  for (const { name } of again) {
    context.emit({ type: 'log', level: 'warning', component: 'kafka', message: `topic ${name} was deleted, and made anew by somebody else` })
  }
}

/** Selected topics and groups; running members without any position (Connect workers among themselves) are not ours to remove. */
async function victims(client: KafkaClient, config: KafkaConfig): Promise<{ topics: TopicInfo[]; groups: GroupListing[] }> {
  const { topics } = await selectFrom(client, config)
  const { include, exclude } = config.groups
  const groups: GroupListing[] = []
  for (const group of await listGroups(client)) {
    if (!matchesAny(group.groupId, include) || matchesAny(group.groupId, exclude) || isEphemeralGroup(group.groupId)) continue
    const idle = group.state === 'Empty' || group.state === 'Dead'
    if (idle || (group.type !== 'share' && (await fetchCommitted(client, group.groupId)).length > 0)) groups.push(group)
  }
  return { topics, groups }
}

/** Topics that some broker still shows under their old id. */
async function leftOver(client: KafkaClient, topics: TopicInfo[]): Promise<string[]> {
  const left = new Set<string>()
  for (const broker of [...client.brokers]) {
    const shown = await client.retrying(() =>
      client.topics(
        topics.map(({ name }) => name),
        broker,
      ),
    )
    for (const { name, topicId } of shown) if (topics.some((topic) => topic.name === name && topic.topicId === topicId)) left.add(name)
  }
  return [...left]
}
