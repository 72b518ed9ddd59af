import type { Context } from '../../base/context.ts'
import { describeError } from '../../base/errors.ts'
import type { KafkaConfig } from '../../base/config.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { kafkaCodeOf, kafkaErrors } from '../../clients/kafka/failure.ts'
import { connectKafka, type KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { alterTopicConfig, createTopic, deleteTopics } from '../../clients/kafka/topic-admin.ts'
import { waitForConfigs } from './apply-configs.ts'
import { configChanges } from './load-config.ts'
import { lookAtTargets, type RestoreTarget, type TargetOptions } from './restore-targets.ts'

/** Creates the topic, or brings an empty one, into the state for loading. */
export async function prepareTarget(client: KafkaClient, target: RestoreTarget, options: TargetOptions): Promise<void> {
  const { name, partitions, replicationFactor, existing, loading } = target
  if (existing !== undefined) {
    const { set, remove } = configChanges(existing.configs, loading)
    await alterTopicConfig(client, name, set, remove)
    await waitForConfigs(client, name, loading)
    return
  }
  // How segments are cut counts while they are written; all other settings come afterwards.
  const segments = Object.entries(target.configs).filter(([key]) => key.startsWith('segment.'))
  try {
    await createTopic(client, { name, partitions, replicationFactor, configs: { ...Object.fromEntries(segments), ...loading } })
  } catch (error) {
    if (kafkaCodeOf(error) !== kafkaErrors.topicAlreadyExists) throw error
    // Made a moment ago, by somebody else or by our own request whose answer was lost: it is judged like any topic that was there before.
    const shown = async () => (await client.retrying(() => client.topics([name]))).length > 0
    await waitUntil(shown, { what: `topic ${name} to be shown`, timeoutMs: 30_000, signal: client.context.signal })
    const [again] = await lookAtTargets(client, { ...options, topics: [target.topic.name] })
    if (again?.existing === undefined) throw error
    await prepareTarget(client, again, options)
  }
}

/**
 * Leaves no half-loaded topic behind: those made here are deleted; those that were there, empty, get their configuration back and hold what
 * was loaded so far. Nothing is thrown: what cannot be taken back is logged, and the error that brought us here counts.
 */
export async function takeBack(targets: RestoreTarget[], { config, context }: { config: KafkaConfig; context: Context }): Promise<void> {
  // The load may have been interrupted; its clean-up must not be.
  const calm: Context = { signal: new AbortController().signal, now: () => context.now(), emit: (event) => context.emit(event) }
  const warn = (message: string) => context.emit({ type: 'log', level: 'warning', component: 'kafka', message })
  try {
    await using client = await connectKafka(config, calm)
    const made = targets.filter(({ existing }) => existing === undefined).map(({ name }) => name)
    await deleteTopics(client, made)
    for (const { name, existing, loading } of targets) {
      if (existing === undefined) continue
      const added = Object.keys(loading).filter((key) => !(key in existing.configs))
      await alterTopicConfig(client, name, existing.configs, added)
      warn(`topic ${name} may hold a part of its records: the same restore goes on with them, any other wants it empty`)
    }
    if (made.length > 0) warn(`deleted ${made.length} half-loaded topics`)
  } catch (error) {
    warn(`half-loaded topics are still there, wipe them before the next try: ${describeError(error)}`)
  }
}
