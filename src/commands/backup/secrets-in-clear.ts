import type { ConnectConfig, KafkaConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { type ClearSecret, clearSecretsIn } from '../../components/connect/config-records.ts'
import { placeholderKeys } from '../../components/connect/secrets.ts'
import { everyRecord } from '../../components/kafka/every-record.ts'
import type { TopicInfo } from '../../components/kafka/select-topics.ts'

export interface FindClearSecretsOptions {
  kafka: KafkaConfig | undefined
  connect: ConnectConfig | undefined
  /** The topics that the backup takes. */
  topics: readonly TopicInfo[]
  context: Context
}

/**
 * Secrets in clear in the raw topic of configurations, which would go into the backup with it. None where the backup does not take the topic.
 * The topic is read to its end: what a connector was given before stays in it until Kafka compacts it.
 */
export async function findClearSecrets({ kafka, connect, topics, context }: FindClearSecretsOptions): Promise<ClearSecret[]> {
  const topic = topics.find(({ name }) => name === connect?.configTopic)
  if (kafka === undefined || connect === undefined || topic === undefined) return []
  return await clearSecretsIn(everyRecord(kafka, topic, context), connect, context)
}

export interface RefuseOptions {
  found: readonly ClearSecret[]
  /** Connectors as the inventory has them: what stands in clear now is a placeholder. */
  connectors: readonly { name: string; config: Record<string, string> }[]
  connect: ConnectConfig
}

/** Throws `secret-in-clear` with every connector, key and record, unless datapipe.yaml accepts that (`connect.secretsInClear: keep`). */
export function refuseSecretsInClear({ found, connectors, connect }: RefuseOptions): void {
  const [first] = found
  if (connect.secretsInClear === 'keep' || first === undefined) return
  const current = new Map(connectors.map(({ name, config }) => [name, placeholderKeys(config)]))
  const groups = byConnector(found)
  const isCurrent = ({ connector, keys }: { connector: string; keys: string[] }) => current.get(connector)?.some((key) => keys.includes(key)) ?? false
  const texts = groups.map((group) => {
    const since = isCurrent(group) ? '' : current.has(group.connector) ? ', replaced since' : ', which is gone'
    return `${group.keys.join(', ')} of connector ${group.connector}${since} (${group.places})`
  })
  const way = groups.some(isCurrent)
    ? `let the connector refer to it (\${file:…}, \${env:…}: a ConfigProvider) and compact the topic`
    : 'compact the topic, which keeps replaced values until then'
  throw new DatapipeError('secret-in-clear', `topic ${connect.configTopic} holds in clear: ${texts.join('; ')}`, {
    path: `connect/${first.connector}`,
    hint: `${way} (docs/datapipe-yaml.md, "Secrets of connectors", says how), or add ${connect.configTopic} to kafka.topics.exclude, or accept it: connect.secretsInClear: keep`,
  })
}

/** What a backup that takes them all the same says, a connector each. */
export function clearSecretFindings(topic: string, found: readonly ClearSecret[]): Finding[] {
  return byConnector(found).map(({ connector, keys, places }) => ({
    severity: 'warning',
    code: 'secret-in-raw-topic',
    component: 'connect',
    item: `${topic}/${connector}`,
    message: `the raw records of ${topic} hold ${keys.join(', ')} of ${connector} in clear (${places})`,
    next: `use a ConfigProvider (\${file:…}, \${env:…}) in the connector and compact the topic, or add ${topic} to kafka.topics.exclude`,
  }))
}

const mostPlaces = 4

/** `places`: `connector-shop at 0/12`, by partition and offset, the newest first: they stay longest. */
function byConnector(found: readonly ClearSecret[]): { connector: string; keys: string[]; places: string }[] {
  return [...Map.groupBy(found, ({ connector }) => connector)].map(([connector, records]) => {
    const places = records.map(({ record, partition, offset }) => `${record} at ${partition}/${offset}`).reverse()
    const more = places.length > mostPlaces ? [`${places.length - mostPlaces} more`] : []
    return { connector, keys: [...new Set(records.flatMap(({ keys }) => keys))].sort(), places: [...places.slice(0, mostPlaces), ...more].join(', ') }
  })
}
