import type { Finding } from '../../base/finding.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { describeTopicConfigs } from '../../clients/kafka/topic-admin.ts'
import type { TopicPart } from './part.ts'

/** Says what the topic's retention, now in force again, is going to delete of what was just restored, and when. */
export async function retentionFindings(client: KafkaClient, topic: TopicPart, now: Date): Promise<Finding[]> {
  const entries = new Map(((await describeTopicConfigs(client, [topic.name])).get(topic.name) ?? []).map(({ name, value }) => [name, value ?? '']))
  if (!(entries.get('cleanup.policy') ?? 'delete').includes('delete')) return []
  return retentionVerdict(topic, BigInt(entries.get('retention.ms') ?? '-1'), BigInt(now.getTime()))
}

/**
 * Time retention goes by the largest record timestamp of a segment: records that are older than it are deleted at the next check (within
 * `log.retention.check.interval.ms`, 5 minutes by default) once their segment is closed. Pure.
 */
export function retentionVerdict(topic: TopicPart, retentionMs: bigint, nowMs: bigint): Finding[] {
  if (retentionMs < 0n) return []
  const artifacts = topic.partitions.flatMap(({ artifacts }) => artifacts)
  const oldest = smallest(artifacts.flatMap(({ minTimestamp }) => minTimestamp ?? []))
  const newest = largest(artifacts.flatMap(({ maxTimestamp }) => maxTimestamp ?? []))
  if (oldest === undefined || newest === undefined || oldest + retentionMs >= nowMs) return []
  const limit = nowMs - retentionMs
  const what =
    newest < limit ? `all its records (timestamps up to ${at(newest)})` : `its records before ${at(limit)} (the oldest is of ${at(oldest)})`
  return [
    {
      severity: 'warning',
      code: 'retention-will-delete',
      component: 'kafka',
      item: topic.name,
      message: `retention.ms=${retentionMs} is in force again: the broker will delete ${what} at its next retention check, within minutes`,
      next: `kafka-configs.sh --bootstrap-server … --alter --topic ${topic.name} --add-config retention.ms=-1`,
    },
  ]
}

function smallest(values: bigint[]): bigint | undefined {
  let found = values[0]
  for (const value of values) if (found === undefined || value < found) found = value
  return found
}

function largest(values: bigint[]): bigint | undefined {
  let found = values[0]
  for (const value of values) if (found === undefined || value > found) found = value
  return found
}

const at = (milliseconds: bigint) => new Date(Number(milliseconds)).toISOString()
