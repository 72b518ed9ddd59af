import type { KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'
import { listGroups } from '../../clients/kafka/group-admin.ts'
import { connectKafka, type KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import type { CheckItem } from '../component.ts'
import { unreadableTopics } from './check-reading.ts'
import { selectFrom, type TopicInfo } from './select-topics.ts'

/** Reachability, credentials, patterns, rights to describe and read, leaders, open transactions: each an item, all of them tried. */
export async function checkKafka(config: KafkaConfig, context: Context): Promise<CheckItem[]> {
  const names = [
    'topic patterns match',
    'topics can be described',
    'every partition has a leader',
    'topics can be read',
    'no transaction is open',
    'groups can be listed',
  ]
  let client: KafkaClient
  try {
    client = await connectKafka(config, context)
  } catch (error) {
    const first: CheckItem = { component: 'kafka', name: 'kafka answers', verdict: 'fail', detail: describeError(error), next: hintOf(error) }
    return [first, ...names.map((name): CheckItem => ({ component: 'kafka', name, verdict: 'not run', detail: 'no connection' }))]
  }
  await using _ = client
  const items: CheckItem[] = []
  const item = (name: string, verdict: CheckItem['verdict'], detail: string, next?: string) =>
    items.push({ component: 'kafka', name, verdict, detail, ...(next === undefined ? {} : { next }) })
  const attempt = async <T>(name: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      if (error instanceof DatapipeError && error.code === 'interrupted') throw error
      item(name, 'fail', describeError(error), hintOf(error))
      return undefined
    }
  }
  const features = await attempt('kafka answers', () => client.features())
  if (features !== undefined) {
    const levels = Object.entries(features).map(([name, level]) => `${name} ${level}`)
    item('kafka answers', 'pass', `cluster ${client.clusterId}, ${client.brokers.length} brokers, ${levels.join(', ')}`)
  }
  const selected = await attempt('topics can be described', () => selectFrom(client, config))
  if (selected !== undefined) {
    item('topics can be described', 'pass', `${selected.topics.length} topics selected`)
    const { unmatched } = selected
    if (unmatched.length === 0) item('topic patterns match', 'pass', config.topics.include.join(', '))
    else item('topic patterns match', 'fail', `no topic matches ${unmatched.join(', ')}`, 'correct kafka.topics.include in datapipe.yaml')
    await checkPartitions(client, selected.topics, attempt, item)
  }
  const groups = await attempt('groups can be listed', () => listGroups(client))
  if (groups !== undefined) item('groups can be listed', 'pass', `${groups.length} groups`)
  return items
}

async function checkPartitions(
  client: KafkaClient,
  topics: TopicInfo[],
  attempt: <T>(name: string, work: () => Promise<T>) => Promise<T | undefined>,
  item: (name: string, verdict: CheckItem['verdict'], detail: string, next?: string) => void,
): Promise<void> {
  const shown = await attempt('every partition has a leader', () => client.retrying(() => client.topics(topics.map(({ name }) => name))))
  if (shown === undefined) return
  const headless = shown.flatMap(({ name, partitions }) =>
    partitions.filter(({ leader }) => leader < 0).map(({ partition }) => `${name}/${partition}`),
  )
  if (headless.length > 0) {
    item('every partition has a leader', 'fail', `no leader: ${headless.slice(0, 10).join(', ')}`, 'bring the brokers of these partitions back')
    return
  }
  item('every partition has a leader', 'pass', `${shown.reduce((sum, { partitions }) => sum + partitions.length, 0)} partitions`)
  const wanted = new Map(shown.map(({ name, partitions }) => [name, partitions.map(({ partition }) => partition)]))
  const offsets = await attempt('no transaction is open', async () => ({
    high: await listOffsets(client, wanted, 'latest'),
    stable: await listOffsets(client, wanted, 'stable'),
  }))
  if (offsets === undefined) return
  const unreadable = await attempt('topics can be read', () => unreadableTopics(client, offsets.high))
  if (unreadable?.length === 0) item('topics can be read', 'pass', `a fetch from each of ${wanted.size} topics`)
  else if (unreadable !== undefined) {
    const [first] = unreadable
    const next = `kafka-acls --bootstrap-server … --add --allow-principal User:… --operation Read --topic ${first}`
    item(
      'topics can be read',
      'fail',
      `TOPIC_AUTHORIZATION_FAILED: ${unreadable.slice(0, 10).join(', ')}${unreadable.length > 10 ? `, and ${unreadable.length - 10} more` : ''}`,
      next,
    )
  }
  const open = [...wanted].flatMap(([topic, partitions]) =>
    partitions.flatMap((partition) => {
      const [high, stable] = [offsets.high.get(topic)?.get(partition) ?? 0n, offsets.stable.get(topic)?.get(partition) ?? 0n]
      return stable < high ? [`${topic}/${partition}: ${high - stable} offsets from ${stable} on`] : []
    }),
  )
  if (open.length === 0) item('no transaction is open', 'pass', 'last stable offsets are at the ends')
  else item('no transaction is open', 'warning', open.slice(0, 10).join('; '), 'kafka-transactions.sh --bootstrap-server … find-hanging')
}

function hintOf(error: unknown): string {
  return error instanceof DatapipeError ? error.hint : 'run `datapipe check` again'
}
