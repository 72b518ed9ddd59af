import { DatapipeError, describeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { kafkaCodeOf, kafkaErrors } from '../../clients/kafka/failure.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { alterTopicConfig, describeTopicConfigs } from '../../clients/kafka/topic-admin.ts'
import { configChanges } from './load-config.ts'
import { ownConfigs } from './select-topics.ts'

/**
 * Gives a loaded topic exactly this configuration, and reads it back. An entry that the broker refuses although it said that it would take
 * it is left out with a warning. Throws `restore-mismatch` when another entry differs afterwards.
 */
export async function applyConfigs(client: KafkaClient, topic: string, configs: Record<string, string>): Promise<Finding[]> {
  const findings: Finding[] = []
  const { set, remove } = configChanges(await readOwn(client, topic), configs)
  try {
    await alterTopicConfig(client, topic, set, remove)
  } catch (error) {
    if (kafkaCodeOf(error) !== kafkaErrors.invalidConfig) throw error
    await alterTopicConfig(client, topic, {}, remove)
    for (const [name, value] of Object.entries(set)) findings.push(...(await applyOne(client, topic, name, value)))
  }
  const skipped = findings.map(({ item }) => item.slice(topic.length + 2))
  const wanted = Object.fromEntries(Object.entries(configs).filter(([name]) => !skipped.includes(name)))
  await waitForConfigs(client, topic, wanted, skipped)
  return findings
}

/**
 * Waits until the broker shows exactly `wanted` (but for the names in `ignore`): a change is accepted by the controller before brokers
 * know it. Throws `restore-mismatch` when it never does.
 */
export async function waitForConfigs(client: KafkaClient, topic: string, wanted: Record<string, string>, ignore: string[] = []): Promise<void> {
  let wrong = ''
  const look = async () => {
    const now = await readOwn(client, topic)
    const { set, remove } = configChanges(now, wanted)
    const name = [...Object.keys(set), ...remove].find((candidate) => !ignore.includes(candidate))
    wrong = name === undefined ? '' : `${name} of topic ${topic} is ${now[name] ?? 'not set'} instead of ${wanted[name] ?? 'not set'}`
    return name === undefined
  }
  try {
    await waitUntil(look, { what: `the configuration of topic ${topic}`, timeoutMs: 30_000, signal: client.context.signal, everyMs: 20 })
  } catch (cause) {
    if (!(cause instanceof DatapipeError) || cause.code !== 'timeout') throw cause
    throw new DatapipeError('restore-mismatch', wrong, { path: `kafka/topics/${topic}`, cause })
  }
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
