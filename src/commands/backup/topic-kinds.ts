import type { DatapipeConfig } from '../../base/config.ts'
import { isDebeziumPostgres, topicPrefixOf } from '../../components/connect/debezium.ts'
import type { TopicPart } from '../../components/kafka/part.ts'

export interface TopicOwners {
  config: Pick<DatapipeConfig, 'connect'>
  connectors: { config: Record<string, string> }[]
  registryTopic: { name: string; mustBeEmpty: string[] } | undefined
}

/**
 * What a topic is for. `internal`: the topics that Connect and the registry keep themselves in. `cdc`: what a Debezium connector writes
 * under its topic prefix, heartbeats included. Everything else is `application`.
 */
export function topicKinds(owners: TopicOwners): (topic: string) => NonNullable<TopicPart['kind']> {
  const { connect } = owners.config
  const internal = new Set([
    ...(connect === undefined ? [] : [connect.configTopic, connect.offsetTopic, connect.statusTopic]),
    ...registryTopics(owners.registryTopic),
  ])
  const prefixes = owners.connectors.filter(({ config }) => isDebeziumPostgres(config)).map(({ config }) => topicPrefixOf(config))
  return (topic) => {
    if (internal.has(topic)) return 'internal'
    const captured = prefixes.some((prefix) => topic.startsWith(`${prefix}.`) || topic === `__debezium-heartbeat.${prefix}`)
    return captured ? 'cdc' : 'application'
  }
}

/** The topic behind a registry, and its side topics. */
export function registryTopics(topic: { name: string; mustBeEmpty: string[] } | undefined): string[] {
  return topic === undefined ? [] : [topic.name, ...topic.mustBeEmpty, ...(topic.name === 'kafkasql-journal' ? ['registry-events'] : [])]
}
