import type { DatapipeConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { type Lsn, parseLsn } from '../../base/lsn.ts'
import { connectPostgres } from '../../clients/postgres.ts'
import { freezeTopics } from '../../components/kafka/freeze.ts'
import type { KafkaPart } from '../../components/kafka/part.ts'
import type { RecoveryPoint } from '../../repository/manifest.ts'
import type { TopicInfo } from '../../components/kafka/select-topics.ts'

/**
 * Ends of topics at a moment when the WAL reached `lsn`: whatever stands below them is of transactions that had committed by then. A cut at or
 * behind `lsn` need not read it.
 */
export interface SettledEnds {
  lsn: Lsn
  /** By `topicId/partition`: a topic made anew under its old name is another. */
  ends: ReadonlyMap<string, bigint>
}

/** As it is now; undefined where there is no database or no topic to cut. The ends first: what is in the topics then has committed. */
export async function settledNow(
  { postgres, kafka }: Pick<DatapipeConfig, 'postgres' | 'kafka'>,
  topics: TopicInfo[] | undefined,
  context: Context,
): Promise<SettledEnds | undefined> {
  if (postgres === undefined || kafka === undefined || topics === undefined) return undefined
  const frozen = await freezeTopics(kafka, topics, context)
  await using client = await connectPostgres(postgres.url, { signal: context.signal })
  const [row] = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn')
  const ends = topics.flatMap(({ name, topicId }) =>
    (frozen.topics.get(name) ?? []).map(({ partition, endOffset }) => [`${topicId}/${partition}`, endOffset] as const),
  )
  return { lsn: parseLsn(row?.lsn ?? ''), ends: new Map(ends) }
}

/** Of several, those that a cut at `lsn` may use, the furthest first. */
export function usableAt(settled: readonly SettledEnds[], lsn: Lsn): SettledEnds | undefined {
  return settled
    .filter((candidate) => candidate.lsn <= lsn)
    .reduce<SettledEnds | undefined>((a, b) => (a !== undefined && a.lsn >= b.lsn ? a : b), undefined)
}

/** Without those that no cut will use any more: points go forward from `lsn`, and `base` is the end of the base backup that they share. */
export function stillUseful(settled: readonly SettledEnds[], lsn: Lsn, base: Lsn): SettledEnds[] {
  const kept = new Set([usableAt(settled, lsn), usableAt(settled, base)])
  return settled.filter((candidate) => candidate.lsn > lsn || kept.has(candidate))
}

/** The same by `topic/partition`, for the topics of a backup. */
export function settledOffsets({ ends }: SettledEnds, { topics }: KafkaPart): Map<string, bigint> {
  return new Map(
    topics.flatMap(({ name, topicId, partitions }) =>
      partitions.flatMap(({ partition }) => {
        const end = ends.get(`${topicId}/${partition}`)
        return end === undefined ? [] : [[`${name}/${partition}`, end] as const]
      }),
    ),
  )
}

/** What a backup says of itself that a cut of it at `lsn` need not read; undefined when it says nothing. */
export function settledIn({ kafka }: RecoveryPoint, lsn: Lsn): Map<string, bigint> | undefined {
  if (kafka?.settled === undefined || parseLsn(kafka.settled.lsn) > lsn) return undefined
  return new Map(
    Object.entries(kafka.settled.endOffsets).flatMap(([topic, partitions]) =>
      Object.entries(partitions).map(([partition, end]) => [`${topic}/${partition}`, BigInt(end)] as const),
    ),
  )
}
