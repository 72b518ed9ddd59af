import type { Finding } from '../../base/finding.ts'
import { canonicalSchema } from './canonical.ts'
import { type SchemasTopicRecord, snapshotOfSchemasTopic } from './schemas-topic.ts'
import { type RegistrySnapshot, type SnapshotVersion, versionKey } from './snapshot.ts'

/**
 * Does a Confluent registry's topic say what the registry said over REST: every version with its id and its schema? Where they disagree, the
 * registry is not the one of this topic, or does not know all of it, and a restore by one way gives other ids than by the other. REST was
 * read after the topic was cut off, so what was registered since may be missing in the topic. Throws `not-supported` for a topic with
 * records of an unknown kind. Pure.
 */
export function compareWithTopic(rest: RegistrySnapshot, records: Iterable<SchemasTopicRecord>): Finding[] {
  const topic = snapshotOfSchemasTopic(records, rest)
  const findings: Finding[] = []
  const differs = (severity: Finding['severity'], { subject, version }: SnapshotVersion, message: string) =>
    findings.push({
      severity,
      code: 'registry-differs',
      component: 'registry',
      item: `${subject}/${version}`,
      message,
      next: 'is registry.url the server of this topic? Compare its kafkastore.bootstrap.servers with kafka.bootstrapServers',
    })
  const highest = topic.versions.reduce((id, item) => Math.max(id, item.id), 0)
  const idsInTopic = new Set(topic.versions.map(({ id }) => id))
  const waiting = new Map(topic.versions.map((item) => [versionKey(item), item]))
  for (const version of rest.versions) {
    const other = waiting.get(versionKey(version))
    waiting.delete(versionKey(version))
    if (other === undefined) {
      // A later version gets a new id, or that of the same schema under another subject.
      if (version.id <= highest && !idsInTopic.has(version.id)) differs('harm', version, `is in the registry with id ${version.id}, not in its topic`)
    } else if (other.id !== version.id) differs('harm', version, `has id ${version.id} in the registry, ${other.id} in its topic`)
    else if (canonicalSchema(other.type, other.schema) !== canonicalSchema(version.type, version.schema))
      differs('harm', version, `id ${version.id} is another schema in the registry than in its topic`)
  }
  for (const version of waiting.values()) differs('warning', version, `is in the topic with id ${version.id}, not in the registry`)
  return findings
}
