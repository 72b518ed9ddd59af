/**
 * What the observers see, as plain JSON (offsets, LSNs and timestamps are decimal strings or PostgreSQL's own text), so that a run can be
 * saved first and checked afterwards, again and again. Nothing here comes from the engine's types.
 */

/** One row as sorted evidence: `hash` of its whole text (24 hex digits), `text` clipped for showing. */
export interface ObservedRow {
  hash: string
  text: string
}

export interface ObservedTable {
  /** Schema-qualified and quoted as PostgreSQL would. */
  name: string
  kind: 'table' | 'materialized view'
  /** Unlogged tables come back empty from a recovery, by design. */
  unlogged: boolean
  /** In the order of their hashes, duplicates kept. */
  rows: ObservedRow[]
  /** SHA-256 over all row hashes in that order. */
  hash: string
}

export interface ObservedSequence {
  name: string
  lastValue: string
  increment: string
}

export interface PostgresObservation {
  database: string
  tables: ObservedTable[]
  /** `view odd.totals` → its definition; one entry for everything that can be created: columns, constraints, functions, grants, … */
  definitions: Record<string, string>
  sequences: ObservedSequence[]
  largeObjects: { oid: string; bytes: string; hash: string }[]
}

/** Hashes are 16 characters over the exact bytes; a null and an empty value hash differently. `shown` is a clipped, printable form. */
export interface ObservedRecord {
  offset: string
  timestamp: string
  key: string
  value: string
  /** Over every header in order: names, values, nulls, duplicates. */
  headers: string
  shown: string
}

export interface ObservedPartition {
  partition: number
  /** First offset that the log still has, and the offset after the last one looked at. */
  start: string
  end: string
  records: ObservedRecord[]
}

export interface ObservedTopic {
  topic: string
  partitions: ObservedPartition[]
}

export interface ObservedTopicConfig {
  topic: string
  partitions: number
  replicationFactor: number
  /** Only what was set on the topic itself. */
  configs: Record<string, string>
}

/** Where a group stands: the next record it will be given, which is what a restore must keep, whatever happened to offsets. */
export interface ObservedPosition {
  group: string
  topic: string
  partition: number
  committed: string
  metadata: string
  /** Record count before the position (of those that the log holds), and after it. */
  before: number
  after: number
  /** Identity of the next record, or null at the end. */
  next: ObservedRecord | null
}

export interface ObservedSchema {
  subject: string
  version: number
  id: number
  schemaType: string
  schema: string
  references: { name: string; subject: string; version: number }[]
  deleted: boolean
}

export interface RegistryObservation {
  schemas: ObservedSchema[]
  /** Subject (`''` for the global one) → compatibility level that was set. */
  compatibility: Record<string, string>
  modes: Record<string, string>
}

/** One schema id met in the records, and whether everything that carries it decodes. */
export interface ObservedId {
  id: number
  topics: string[]
  records: number
  decoded: number
  /** The first failure's text. */
  error?: string
}

export interface DecodeObservation {
  ids: ObservedId[]
  /** Records looked at, and how many of their keys and values were not framed (no magic byte). */
  records: number
  unframed: number
}

export interface ObservedConnector {
  name: string
  type: string
  state: string
  tasks: { id: number; state: string; trace?: string }[]
  /** The configuration as the worker shows it; references to secrets stay references. */
  config: Record<string, string>
  /** Raw JSON text of each source partition → its offset, all digits kept. */
  offsets: Record<string, string>
}

export interface ObservedSlot {
  name: string
  plugin: string | null
  active: boolean
  restartLsn: string | null
  confirmedFlushLsn: string | null
}

export interface SlotObservation {
  slots: ObservedSlot[]
  /** pg_current_wal_flush_lsn, `X/Y`. */
  flushLsn: string
  timeline: number
}

export interface LedgerObservation {
  transfers: { seq: string; epoch: number; debtor: number; creditor: number; amount: string }[]
  entries: { seq: string; side: string; account: number; amount: string }[]
  accounts: { id: number; balance: string; version: string }[]
}

/** One change event of a ledger table, decoded. Integers as decimal strings. `op` null is a tombstone. */
export interface ObservedEvent {
  table: string
  partition: number
  offset: string
  key: Record<string, string>
  op: 'c' | 'u' | 'd' | 'r' | 't' | 'm' | null
  after: Record<string, string> | null
  txId: string | null
  lsn: string | null
  /** Debezium's `source.snapshot`: `false` when streamed. */
  snapshot: string
}
