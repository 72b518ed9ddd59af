import type { Finding } from '../../base/finding.ts'
import type { PartitionPart, TopicPart } from './part.ts'

export interface RetentionOptions {
  topic: TopicPart
  /** Its name in the target. */
  name: string
  /** What will be in force there: the topic's own settings, and the cluster's for what it does not set. */
  settings: ReadonlyMap<string, string | null>
  /** How often the broker looks (`log.retention.check.interval.ms`); undefined when it does not tell. */
  checkEveryMs: bigint | undefined
  now: Date
  /** Bytes of its batches, at least: files may be stored compressed. */
  bytesOf: (part: PartitionPart) => number
}

/** Says what the topic's retention, once it is in force again, is going to delete of what was restored, and when. Pure. */
export function retentionFindings(options: RetentionOptions): Finding[] {
  const { topic, name, settings, now } = options
  if (!(settings.get('cleanup.policy') ?? 'delete').includes('delete')) return []
  const setting = (key: string) => BigInt(settings.get(key) ?? '-1')
  const due = `at the latest ${duration(options.checkEveryMs ?? 300_000n)} after its restore`
  const nowMs = BigInt(now.getTime())
  return [
    ...byTime(topic, { name, retentionMs: setting('retention.ms'), nowMs, due }),
    ...bySize(options, { name, retentionBytes: setting('retention.bytes'), segmentBytes: setting('segment.bytes'), due }),
  ]
}

/**
 * Time retention goes by the largest record timestamp of a segment, and deletes from the front: what is surely doomed is the front of each
 * partition that holds nothing younger than the limit. What follows within a day is told too.
 */
function byTime(topic: TopicPart, { name, retentionMs, nowMs, due }: { name: string; retentionMs: bigint; nowMs: bigint; due: string }): Finding[] {
  if (retentionMs < 0n) return []
  const limit = nowMs - retentionMs
  const doomed: string[] = []
  let soon: bigint | undefined
  for (const { partition, artifacts } of topic.partitions) {
    const young = artifacts.findIndex(({ maxTimestamp }) => maxTimestamp !== undefined && maxTimestamp >= limit)
    const front = (young < 0 ? artifacts : artifacts.slice(0, young)).filter(({ records }) => records > 0n)
    const newest = largest(front.flatMap(({ maxTimestamp }) => maxTimestamp ?? []))
    const next = artifacts[young]?.maxTimestamp
    if (next !== undefined && (soon === undefined || next < soon)) soon = next
    if (newest === undefined) continue
    const records = front.reduce((sum, artifact) => sum + artifact.records, 0n)
    doomed.push(`${young < 0 ? 'all' : 'the first'} ${records} records of partition ${partition} (timestamps up to ${at(newest)})`)
  }
  const keep = `kafka-configs.sh --bootstrap-server … --alter --topic ${name} --add-config retention.ms=-1`
  if (doomed.length > 0)
    return [
      warning(
        name,
        `retention.ms=${retentionMs} (${duration(retentionMs)}) comes back: ${due} the broker deletes what is older than ${at(limit)}: ${doomed.join('; ')}`,
        keep,
      ),
    ]
  if (soon === undefined || soon + retentionMs > nowMs + day) return []
  const message = `retention.ms=${retentionMs} (${duration(retentionMs)}) comes back: the broker deletes the first records from ${at(soon + retentionMs)} on`
  return [{ ...warning(name, message, keep), severity: 'note' }]
}

/** Size retention deletes whole segments from the front as long as what is left is not below the limit. */
function bySize(
  { topic, bytesOf }: RetentionOptions,
  { name, retentionBytes, segmentBytes, due }: { name: string; retentionBytes: bigint; segmentBytes: bigint; due: string },
): Finding[] {
  if (retentionBytes < 0n) return []
  const doomed = topic.partitions.flatMap((part) => {
    const bytes = BigInt(bytesOf(part))
    const surplus = bytes - retentionBytes
    return surplus >= (segmentBytes > 0n ? segmentBytes : 1n) ? [`about ${surplus} of the ${bytes} bytes of partition ${part.partition}`] : []
  })
  if (doomed.length === 0) return []
  return [
    warning(
      name,
      `retention.bytes=${retentionBytes} comes back: ${due} the broker deletes the oldest segments: ${doomed.join('; ')}`,
      `kafka-configs.sh --bootstrap-server … --alter --topic ${name} --add-config retention.bytes=-1`,
    ),
  ]
}

const day = 86_400_000n

function warning(item: string, message: string, next: string): Finding {
  return { severity: 'warning', code: 'retention-will-delete', component: 'kafka', item, message, next }
}

function largest(values: bigint[]): bigint | undefined {
  let found = values[0]
  for (const value of values) if (found === undefined || value > found) found = value
  return found
}

/** Milliseconds in the largest unit that divides them. */
function duration(ms: bigint): string {
  for (const [unit, size] of [
    ['days', day],
    ['hours', 3_600_000n],
    ['minutes', 60_000n],
    ['seconds', 1000n],
  ] as const) {
    if (ms >= size && ms % size === 0n) return `${ms / size} ${unit}`
  }
  return `${ms} ms`
}

const at = (milliseconds: bigint) => new Date(Number(milliseconds)).toISOString()
