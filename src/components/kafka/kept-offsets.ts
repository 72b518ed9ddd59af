import { DatapipeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import type { KafkaClient } from '../../clients/kafka/kafka-client.ts'
import { listOffsets } from '../../clients/kafka/list-offsets.ts'
import { mayWriteMarkers } from '../../clients/kafka/write-markers.ts'
import type { PartitionPart } from './part.ts'
import type { RestoreTarget } from './restore-targets.ts'

/** Offsets without a record that a partition may have behind its first record: ten thousand markers take about a second. */
export const mostMarkers = 1_000_000n
/** Offsets before the first record: two million fillers take about a second. */
const mostFillers = 2_000_000_000n

/**
 * Refuses what cannot be kept exactly, naming every partition: records spread anew, a target that stands behind the first offset, more
 * offsets without records than are filled. Throws `offsets-not-kept`; `unauthorized` without the right to write markers.
 */
export async function checkKeptOffsets(client: KafkaClient, targets: RestoreTarget[]): Promise<void> {
  const existing = new Map(
    targets.flatMap(({ existing, name, partitions }) => (existing ? [[name, [...Array(partitions).keys()]] as [string, number[]]] : [])),
  )
  const ends = await listOffsets(client, existing, 'latest')
  const reasons = targets.flatMap(({ topic, name, partitions }) =>
    partitions === topic.partitions.length
      ? topic.partitions.flatMap((part) => whyNot(`${name}/${part.partition}`, part, ends.get(name)?.get(part.partition) ?? 0n))
      : [`${name}: its records are spread over another number of partitions`],
  )
  if (reasons.length > 0) {
    const more = reasons.length > 10 ? `; and ${reasons.length - 10} more` : ''
    throw new DatapipeError('offsets-not-kept', `offsets cannot be kept: ${reasons.slice(0, 10).join('; ')}${more}`, {
      path: `kafka/topics/${reasons[0]?.split(':')[0] ?? ''}`,
    })
  }
  const needed = targets.flatMap(({ topic }) => topic.partitions).some((part) => offsetsWithout(part).behind > 0n)
  if (!needed || (await mayWriteMarkers(client))) return
  throw new DatapipeError('unauthorized', 'the cluster lets us write no transaction markers, which take the place of offsets without records', {
    path: 'kafka',
    hint: 'grant Alter on the cluster (kafka-acls.sh --add --cluster --operation Alter …), or restore without --preserve-offsets',
  })
}

function whyNot(item: string, part: PartitionPart, end: bigint): string[] {
  const { before, behind } = offsetsWithout(part)
  const reasons: string[] = []
  if (end > part.startOffset + before)
    reasons.push(`${item}: the empty topic stands at offset ${end} already, the records begin at ${part.startOffset + before}`)
  if (before + part.startOffset - end > mostFillers) reasons.push(`${item}: more than ${mostFillers} offsets before its first record`)
  if (behind > mostMarkers) {
    reasons.push(
      `${item}: ${behind} offsets without a record (compaction, transactions) lie between and behind its records, and at most ${mostMarkers} are filled`,
    )
  }
  return reasons
}

/**
 * Offsets without a restored record: before the first one, and after it. As good as the counts are: those of a batch across the partition's
 * bounds count in full. Pure.
 */
export function offsetsWithout({ startOffset, endOffset, committedRecords, gaps }: PartitionPart): { before: bigint; behind: bigint } {
  const [first] = gaps.first
  const missing = endOffset - startOffset - committedRecords
  const before = committedRecords <= 0n ? endOffset - startOffset : first?.from === startOffset ? first.to - first.from : 0n
  return { before, behind: missing > before ? missing - before : 0n }
}

/** Says what stands in the place of offsets without records: not what the source had there, though no consumer sees a difference. */
export function markerFindings(name: string, markers: bigint): Finding[] {
  if (markers === 0n) return []
  return [
    {
      severity: 'note',
      code: 'markers-written',
      component: 'kafka',
      item: name,
      message: `${markers} offsets without a record hold a transaction marker of today: no consumer sees them, but time retention counts from today for the segments they are in, and a search by time may answer an earlier offset`,
    },
  ]
}
