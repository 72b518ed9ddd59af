import type { RecordRange } from './record-range.ts'

/** What a restore does otherwise than "every topic as it was". Topics are named as in the backup. */
export interface TopicChoices {
  /** For topics to be created, instead of their own: needed when the cluster has fewer brokers than they had replicas. */
  replicationFactor?: number
  /** Names that topics get; those not in it keep theirs. */
  names?: ReadonlyMap<string, string>
  /** Numbers of partitions that topics get: records are spread anew, by key. */
  repartition?: ReadonlyMap<string, number>
  /** Every record at its own offset, or a refusal. */
  preserveOffsets?: boolean
  /** Less than everything. */
  range?: RecordRange
}
