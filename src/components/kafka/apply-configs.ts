import { DatapipeError, describeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { kafkaCodeOf, kafkaErrors } from '../../clients/kafka/failure.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { alterTopicConfig, describeTopicConfigs } from '../../clients/kafka/topic-admin.ts'
import { configChanges } from './load-config.ts'
import type { TopicPart } from './part.ts'
import { ownConfigs } from './select-topics.ts'

/**
 * Gives a loaded topic exactly the configuration that the backup has, and reads it back. An entry that this broker does not know or
 * refuses is left out with a warning. Throws `restore-mismatch` when another entry differs afterwards.
 */
export async function applyOriginalConfigs(client: KafkaClient, topic: TopicPart): Promise<Finding[]> {
  const findings: Finding[] = []
  const { set, remove } = configChanges(await readOwn(client, topic.name), topic.configs)
  try {
    await alterTopicConfig(client, topic.name, set, remove)
  } catch (error) {
    if (kafkaCodeOf(error) !== kafkaErrors.invalidConfig) throw error
    await alterTopicConfig(client, topic.name, {}, remove)
    for (const [name, value] of Object.entries(set)) findings.push(...(await applyOne(client, topic.name, name, value)))
  }
  const skipped = new Set(findings.map(({ item }) => item))
  const now = await readOwn(client, topic.name)
  const after = configChanges(now, topic.configs)
  const wrong = [...Object.keys(after.set), ...after.remove].find((name) => !skipped.has(`${topic.name}: ${name}`))
  if (wrong !== undefined) {
    const path = `kafka/topics/${topic.name}`
    throw new DatapipeError(
      'restore-mismatch',
      `${wrong} of topic ${topic.name} is ${now[wrong] ?? 'not set'} instead of ${topic.configs[wrong] ?? 'not set'}`,
      { path },
    )
  }
  return findings
}

async function applyOne(client: KafkaClient, topic: string, name: string, value: string): Promise<Finding[]> {
  try {
    await alterTopicConfig(client, topic, { [name]: value }, [])
    return []
  } catch (error) {
    if (kafkaCodeOf(error) !== kafkaErrors.invalidConfig) throw error
    const message = `${name}=${value} was not applied: ${describeError(error)}`
    return [{ severity: 'warning', code: 'config-not-applied', component: 'kafka', item: `${topic}: ${name}`, message }]
  }
}

async function readOwn(client: KafkaClient, topic: string): Promise<Record<string, string>> {
  return ownConfigs((await describeTopicConfigs(client, [topic])).get(topic) ?? [])
}
