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
 * Time retention goes by the largest record timestamp of a segment, and deletes from the front: what is surely doomed is the front of each
 * partition that holds nothing younger than the limit. The broker looks every `log.retention.check.interval.ms` (5 minutes by default). Pure.
 */
export function retentionVerdict(topic: TopicPart, retentionMs: bigint, nowMs: bigint): Finding[] {
  if (retentionMs < 0n) return []
  const limit = nowMs - retentionMs
  const doomed = topic.partitions.flatMap(({ partition, artifacts }) => {
    const young = artifacts.findIndex(({ maxTimestamp }) => maxTimestamp !== undefined && maxTimestamp >= limit)
    const front = (young < 0 ? artifacts : artifacts.slice(0, young)).filter(({ records }) => records > 0n)
    const newest = largest(front.flatMap(({ maxTimestamp }) => maxTimestamp ?? []))
    if (newest === undefined) return []
    const records = front.reduce((sum, artifact) => sum + artifact.records, 0n)
    return [`${young < 0 ? 'all' : 'the first'} ${records} records of partition ${partition} (timestamps up to ${at(newest)})`]
  })
  if (doomed.length === 0) return []
  return [
    {
      severity: 'warning',
      code: 'retention-will-delete',
      component: 'kafka',
      item: topic.name,
      message: `retention.ms=${retentionMs} is in force again: at its next check, within minutes, the broker deletes what is older than ${at(limit)}: ${doomed.join('; ')}`,
      next: `kafka-configs.sh --bootstrap-server … --alter --topic ${topic.name} --add-config retention.ms=-1`,
    },
  ]
}

function largest(values: bigint[]): bigint | undefined {
  let found = values[0]
  for (const value of values) if (found === undefined || value > found) found = value
  return found
}

const at = (milliseconds: bigint) => new Date(Number(milliseconds)).toISOString()
