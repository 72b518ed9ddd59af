/** What one record of a topic says of the transaction that brought it, without what it says of rows. */
export type RecordMeaning =
  | {
      kind: 'event'
      /** Debezium's operation: `c`, `u`, `d`, `r`, `t` (TRUNCATE), `m` (a logical message); undefined of a transaction's own begin and end. */
      op: string | undefined
      /** `source.name`: the topic prefix of its connector; undefined where the record does not say it. */
      server: string | undefined
      xid: bigint | undefined
      lsn: bigint | undefined
      /** `source.sequence[0]`. */
      previousCommit: bigint | undefined
      snapshot: 'none' | 'initial' | 'incremental'
    }
  | { kind: 'tombstone' }
  /** No change event of Debezium's PostgreSQL connector that says where it belongs, and why not. */
  | { kind: 'foreign'; reason: string }

/** Names of what a flattened record (ExtractNewRecordState) keeps of its envelope; each where it was added. */
export interface FlattenedNames {
  fields: Partial<Record<FlattenedItem, string>>
  headers: Partial<Record<FlattenedItem, string>>
}

export const flattenedItems = ['op', 'source.name', 'source.txId', 'source.lsn', 'source.sequence', 'source.snapshot'] as const
export type FlattenedItem = (typeof flattenedItems)[number]

/** Values as they stand in a record, in the order of `flattenedItems`. */
export type SourceValues = readonly unknown[]

/** The event that these values describe; undefined when they name no position at all. Throws nothing: what is no number is not there. */
export function eventOf([op, server, txId, lsn, sequence, snapshot]: SourceValues): (RecordMeaning & { kind: 'event' }) | undefined {
  const xid = integerOf(txId)
  const position = integerOf(lsn)
  // Rows of an incremental snapshot have neither (seen on Debezium 3.6).
  if (xid === undefined && position === undefined && snapshot !== 'incremental') return undefined
  const operation = typeof op === 'string' ? op : undefined
  return {
    kind: 'event',
    op: operation,
    server: typeof server === 'string' ? server : undefined,
    xid,
    lsn: position,
    previousCommit: previousCommitOf(sequence),
    snapshot: snapshotOf(snapshot),
  }
}

function integerOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  return typeof value === 'string' && /^\d{1,19}$/.test(value) ? BigInt(value) : undefined
}

/** `["24023128","24023456"]`; the first is null before the first commit. */
function previousCommitOf(value: unknown): bigint | undefined {
  const digits = typeof value === 'string' ? /^\s*\[\s*"(\d{1,19})"/.exec(value)?.[1] : undefined
  return digits === undefined ? undefined : BigInt(digits)
}

function snapshotOf(value: unknown): 'none' | 'initial' | 'incremental' {
  if (value === undefined || value === null || value === false || value === 'false' || value === '') return 'none'
  return value === 'incremental' ? 'incremental' : 'initial'
}
