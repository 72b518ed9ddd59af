import type { ConnectorConfig } from '../../clients/connect.ts'

/** Debezium's PostgreSQL connector, by its class or the worker's aliases of it. */
export function isDebeziumPostgres(config: ConnectorConfig): boolean {
  return /^(io\.debezium\.connector\.postgresql\.)?Postgres(Connector)?$/.test(config['connector.class'] ?? '')
}

/** Debezium's default is `debezium`. */
export function slotNameOf(config: ConnectorConfig): string {
  return config['slot.name'] ?? 'debezium'
}

/** Debezium's default is `dbz_publication`. */
export function publicationNameOf(config: ConnectorConfig): string {
  return config['publication.name'] ?? 'dbz_publication'
}

/** `topic.prefix`, in Debezium 1.x `database.server.name`; undefined when neither is set. */
export function topicPrefixOf(config: ConnectorConfig): string | undefined {
  return config['topic.prefix'] ?? config['database.server.name']
}

/** The partition that the connector's offset is stored under: `{"server": PREFIX}` and nothing else. */
export function offsetPartitionOf(config: ConnectorConfig): { server: string } | undefined {
  const server = topicPrefixOf(config)
  return server === undefined ? undefined : { server }
}

/** The database that the connector reads. */
export function databaseOf(config: ConnectorConfig): string {
  return config['database.dbname'] ?? 'postgres'
}

/**
 * Does the connector send changes of this relation (`schema.table`) to its topics? By Debezium's filters: lists of regular expressions that
 * must match the whole name, whatever its case. What only Java can read holds nothing back. Without a filter: everything but system schemas.
 */
export function capturesRelation(config: ConnectorConfig): (relation: string) => boolean {
  const [tables, schemas] = [filterOf(config, 'table'), filterOf(config, 'schema')]
  const signals = config['signal.data.collection']?.split('.').slice(-2).join('.')
  return (relation) => {
    if (relation === signals) return true
    const schema = relation.slice(0, relation.indexOf('.'))
    return !/^(pg_catalog|information_schema)$/.test(schema) && schemas(schema) && tables(relation)
  }
}

function filterOf(config: ConnectorConfig, what: 'table' | 'schema'): (name: string) => boolean {
  const list = (kind: 'include' | 'exclude') => config[`${what}.${kind}.list`]?.trim() || undefined
  const [include, exclude] = [list('include'), list('exclude')]
  if (include !== undefined) return matcher(include, true)
  if (exclude === undefined) return () => true
  const excluded = matcher(exclude, false)
  return (name) => !excluded(name)
}

function matcher(list: string, unreadable: boolean): (name: string) => boolean {
  // A comma that belongs to an expression is written `\,`.
  const patterns = list.split(/(?<!\\),/).map((item) => item.trim().replaceAll('\\,', ','))
  try {
    const expressions = patterns.map((pattern) => new RegExp(`^(?:${pattern})$`, 'i'))
    return (name) => expressions.some((expression) => expression.test(name))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return () => unreadable
  }
}

/**
 * What Debezium's three sentences about lost positions mean, and what to do. Undefined for any other trace.
 * (There is no "Saved offset is before replication slot's confirmed lsn" in Debezium; that is another product's.)
 */
export function explainTrace(trace: string): string | undefined {
  if (/no longer available on the server/.test(trace)) {
    return 'the replication slot is missing, or no longer has what the stored offset asks for: create the slot, write its confirmed_flush_lsn as the offset ({lsn, txId, ts_usec} only), resume'
  }
  if (/Cannot seek to the last known offset/.test(trace)) {
    return "the stored offset and the slot disagree: with offset.mismatch.strategy=no_validation, write the slot's confirmed_flush_lsn as the offset, resume"
  }
  if (/has been removed from the database write-ahead log/.test(trace)) {
    return 'PostgreSQL has removed WAL that the slot still needed (max_slot_wal_keep_size): changes are lost; take a new snapshot'
  }
  return undefined
}

/** Does the connector send TRUNCATE? Debezium skips it unless `skipped.operations` (default `t`) leaves it out. */
export function sendsTruncate(config: ConnectorConfig): boolean {
  return !(config['skipped.operations'] ?? 't').split(',').some((operation) => operation.trim() === 't')
}

/**
 * Does Debezium alone move its slot, to what it has stored? Since 3.4 `lsn.flush.mode` tells, before `flush.lsn.source`: otherwise somebody
 * else, or the driver, moves it, and the slot may stand ahead of the stored offset.
 */
export function flushesItsSlot(config: ConnectorConfig): boolean {
  return (config['lsn.flush.mode'] ?? 'connector') === 'connector' && config['flush.lsn.source'] !== 'false'
}

/** The topic of a connector's Kafka signal channel (`signal.enabled.channels`); undefined without one. */
export function signalTopicOf(config: ConnectorConfig): string | undefined {
  if (!channelsOf(config, 'signal.enabled.channels').includes('kafka')) return undefined
  return config['signal.kafka.topic'] ?? `${topicPrefixOf(config)}-signal`
}

/** The group whose position says which signals a connector has seen. */
export function signalGroupOf(config: ConnectorConfig): string {
  return config['signal.consumer.group.id'] ?? config['signal.kafka.groupId'] ?? 'kafka-signal'
}

/** Topics of a connector whose records no transaction brought: heartbeats and notifications. */
export function topicsOfMoments(config: ConnectorConfig): string[] {
  const heartbeats = config['topic.heartbeat.prefix'] ?? config['heartbeat.topics.prefix'] ?? '__debezium-heartbeat'
  const notifications = channelsOf(config, 'notification.enabled.channels').includes('sink') ? config['notification.sink.topic.name'] : undefined
  return [`${heartbeats}.${topicPrefixOf(config)}`, ...(notifications === undefined ? [] : [notifications])]
}

function channelsOf(config: ConnectorConfig, key: string): string[] {
  return (config[key] ?? '').split(',').map((channel) => channel.trim())
}

/**
 * What flattened records (ExtractNewRecordState) keep of their envelope, by the names that it gets there: `add.fields` and `add.headers`
 * list `op`, `source.txId`, `source.lsn:position`…, each put behind a prefix, `__` by default. Undefined without that transform.
 */
export function addedToFlattened(config: ConnectorConfig): { fields: Record<string, string>; headers: Record<string, string> } | undefined {
  const names = (config.transforms ?? '').split(',').map((name) => name.trim())
  const name = names.find((candidate) => /(^|\.)ExtractNewRecordState$/.test(config[`transforms.${candidate}.type`] ?? ''))
  if (name === undefined) return undefined
  const added = (where: 'fields' | 'headers') => {
    const prefix = config[`transforms.${name}.add.${where}.prefix`] ?? '__'
    const items = (config[`transforms.${name}.add.${where}`] ?? '').split(',').map((item) => item.trim())
    return Object.fromEntries(
      items
        .filter((item) => item !== '')
        .map((item) => {
          const [path = '', alias] = item.split(':')
          return [path, prefix + (alias ?? path.replaceAll('.', '_'))]
        }),
    )
  }
  return { fields: added('fields'), headers: added('headers') }
}
