import { formatLsn, type Lsn, parseLsn } from '../base/lsn.ts'
import type { PgClient } from '../clients/postgres.ts'
import { parsePgoutput } from './pgoutput.ts'
import type { ConnectorPosition } from './take-barrier.ts'
import type { CommittedTransaction } from './transaction-log.ts'

/** A Debezium PostgreSQL offset as Connect stores it: numbers are int64, so bigint where they pass 2^53. */
export type StoredOffset = Record<string, unknown>

export interface ResolveOffsetOptions {
  /** Connected to the slot's database, as a role with REPLICATION. */
  client: PgClient
  /** The connector's slot; inactive, since its connector is stopped. */
  slot: string
  publication: string
  offset: StoredOffset
  /** Does the connector capture this relation (`schema.table`)? Changes of others are in the publication but not in the topics. */
  captures?: (relation: string) => boolean
  /** Does the connector send TRUNCATE? Not by default: its `skipped.operations` is `t`. */
  sendsTruncate?: boolean
  /**
   * The connector runs, and `slot` is our copy of its slot from before the offset was read: what the topics have begun of a transaction
   * does not matter, its position is then the commit before.
   */
  running?: boolean
}

/**
 * Between which two transactions do the topics of a stopped connector end? The stored offset alone does not say: it is that of the last row
 * event, whether or not its transaction was delivered whole. The slot does: it still holds the transaction, and peeking consumes nothing.
 * See docs/decisions/0001. `reason` of an unclean position says what would have to happen.
 */
export async function resolveOffset(options: ResolveOffsetOptions): Promise<ConnectorPosition> {
  const { client, slot, offset } = options
  const lsn = integer(offset, 'lsn')
  if (lsn === undefined) return { clean: false, reason: 'its stored offset has no LSN: the initial snapshot has not finished' }
  const snapshot = snapshotState(offset)
  if (snapshot === 'running') return { clean: false, reason: 'its initial snapshot is under way' }
  const [state] = await client.query<{ confirmed: string | null; active: boolean }>(
    'SELECT confirmed_flush_lsn::text AS confirmed, active FROM pg_replication_slots WHERE slot_name = $1',
    [slot],
  )
  if (state === undefined || state.confirmed === null) return { clean: false, reason: `its slot ${slot} is not there` }
  if (state.active && !options.running) return { clean: false, reason: `its slot ${slot} is still in use` }
  // Read before the peek: whatever commits below it is then among what the peek shows.
  const [now] = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn')
  const waiting = await peek(options)
  const at = standsAt({ offset, lsn, snapshot, waiting, confirmed: parseLsn(state.confirmed), running: options.running ?? false })
  if (!at.clean) return at
  const walEnd = parseLsn(now?.lsn ?? '')
  const moved = untilNextChange(at, waiting, walEnd)
  return moved.clean ? { ...moved, later: waiting.filter(({ endLsn }) => endLsn > at.lsn).map(committed), walEnd } : moved
}

/** Whatever of the next transaction is there, the commit before is whole in the topics. */
function commitBefore(offset: StoredOffset, unclean: ConnectorPosition): ConnectorPosition {
  const commit = integer(offset, 'lsn_commit')
  return commit === undefined ? unclean : { clean: true, lsn: commit }
}

function committed({ xid, commitLsn, endLsn, commitTime }: SlotTransaction): CommittedTransaction {
  return { xid: BigInt(xid), commitLsn, endLsn, timestampUs: BigInt(commitTime.getTime()) * 1000n }
}

function standsAt(of: {
  offset: StoredOffset
  lsn: Lsn
  snapshot: 'none' | 'done'
  waiting: SlotTransaction[]
  confirmed: Lsn
  running: boolean
}): ConnectorPosition {
  const { offset, lsn, snapshot, waiting, confirmed, running } = of
  if (snapshot === 'done') return position(lsn, offset)
  const commit = integer(offset, 'lsn_commit')
  // A heartbeat, or a commit event: the offset itself says that the transaction is over.
  if (offset.messageType === 'COMMIT' && commit !== undefined) return position(commit, offset)
  // A starting point, before anything was streamed from it: that of a finished snapshot, or the one written after a restore.
  if (offset.messageType === undefined) return position(lsn, offset)
  // Begun, and none of its changes delivered: the topics end at the commit before.
  if (offset.messageType === 'BEGIN') return position(commit ?? lsn, offset)
  // A logical message outside of transactions is its own commit.
  if (offset.messageType === 'MESSAGE' && commit === lsn) return position(commit, offset)
  const xid = integer(offset, 'txId')
  // Debezium's txId is the 32-bit xid of BEGIN; where an offset lacks it, the change's own LSN identifies the transaction.
  const own = waiting.findLast((item) => (xid === undefined ? item.changes.includes(lsn) : BigInt(item.xid) === (xid & 0xffff_ffffn)))
  if (own !== undefined) {
    const judged = judge(own, lsn, integer(offset, 'lsn_events_processed'))
    return judged.clean || !running ? judged : commitBefore(offset, judged)
  }
  // What the slot no longer holds was confirmed whole, and so was every commit up to there.
  if (confirmed > lsn) return position(confirmed, offset)
  return { clean: false, reason: `transaction ${xid ?? '(unknown)'} of its offset ${formatLsn(lsn)} has not committed in its slot` }
}

export interface SlotTransaction {
  xid: number
  /** Where its commit record begins and ends. */
  commitLsn: Lsn
  endLsn: Lsn
  commitTime: Date
  /** LSN of each captured change, in order; none for a transaction that is not the connector's business. */
  changes: Lsn[]
}

/** Every transaction that the slot still holds, in commit order, up to the end of the WAL. */
async function peek(options: ResolveOffsetOptions): Promise<SlotTransaction[]> {
  const rows = options.client.stream<{ lsn: string; data: string }>(
    `SELECT lsn::text, encode(data, 'hex') AS data FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL,
       'proto_version', '1', 'publication_names', $2)`,
    [options.slot, `"${options.publication.replaceAll('"', '""')}"`],
  )
  const relations = new Map<number, string>()
  const captures = options.captures ?? (() => true)
  const captured = (oid: number) => captures(relations.get(oid) ?? '')
  const transactions: SlotTransaction[] = []
  let current: { xid: number; changes: Lsn[] } | undefined
  for await (const row of rows) {
    const message = parsePgoutput(Buffer.from(row.data, 'hex'))
    if (message.type === 'relation') relations.set(message.oid, message.name)
    else if (message.type === 'begin') current = { xid: message.xid, changes: [] }
    else if (message.type === 'change' && captured(message.relation)) current?.changes.push(parseLsn(row.lsn))
    else if (message.type === 'truncate' && options.sendsTruncate === true && message.relations.some(captured))
      current?.changes.push(parseLsn(row.lsn))
    else if (message.type === 'commit' && current !== undefined) {
      const { commitLsn, endLsn, commitTime } = message
      transactions.push({ ...current, commitLsn, endLsn, commitTime })
      current = undefined
    }
  }
  return transactions
}

/**
 * How far the cut may move on and mean the same to the connector: up to where the commit record of the next transaction that it captures
 * begins (a recovery that stops there does not replay it), or to the end of the WAL. So a quiet database does not hold the cut before the
 * end of a base backup, and connectors of different tables have a cut in common. `walEnd` was read before `waiting`. Pure.
 */
export function untilNextChange(at: ConnectorPosition & { clean: true }, waiting: SlotTransaction[], walEnd: Lsn): ConnectorPosition {
  const next = waiting.find(({ changes, endLsn }) => changes.length > 0 && endLsn > at.lsn)
  if (next === undefined) return { ...at, until: walEnd > at.lsn ? walEnd : at.lsn }
  if (next.commitLsn < at.lsn) return { clean: false, reason: `it stands at ${formatLsn(at.lsn)}, inside the commit of transaction ${next.xid}` }
  return { ...at, until: next.commitLsn }
}

/**
 * Whole iff the stored LSN is that of the last captured change, and of no other: rows of one COPY share theirs. Debezium 3.7 counts them
 * (`lsn_events_processed`). Pure.
 */
export function judge(transaction: SlotTransaction, lsn: Lsn, processed?: bigint): ConnectorPosition {
  const { xid, endLsn, commitTime, changes } = transaction
  const left = changes.filter((change) => change > lsn).length
  if (left > 0) return { clean: false, reason: `it stands inside transaction ${xid}: ${left} of ${changes.length} changes are still to come` }
  const sharing = changes.filter((change) => change === lsn).length
  if (sharing > 1 && processed !== BigInt(sharing)) {
    return {
      clean: false,
      reason: `the last changes of transaction ${xid} share one LSN (COPY), so it cannot be told whether all arrived; the next heartbeat tells (heartbeat.interval.ms)`,
    }
  }
  return { clean: true, lsn: endLsn, xid: String(xid), time: commitTime.toISOString() }
}

/** Has the connector still to finish its initial snapshot? Stopping it then throws the snapshot's progress away. Pure. */
export function isInSnapshot(offset: StoredOffset | null | undefined): boolean {
  return offset == null || snapshotState(offset) === 'running'
}

/** During the initial snapshot offsets carry `snapshot`; the last one says that it is over. */
function snapshotState(offset: StoredOffset): 'none' | 'running' | 'done' {
  const { snapshot } = offset
  if (snapshot === undefined || snapshot === null || snapshot === false || snapshot === 'false') return 'none'
  return offset.snapshot_completed === true || offset.last_snapshot_record === true ? 'done' : 'running'
}

function position(lsn: Lsn, offset: StoredOffset): ConnectorPosition {
  const xid = integer(offset, 'txId')
  const time = integer(offset, 'ts_usec')
  return {
    clean: true,
    lsn,
    ...(xid === undefined ? {} : { xid: xid.toString() }),
    ...(time === undefined ? {} : { time: new Date(Number(time / 1000n)).toISOString() }),
  }
}

function integer(offset: StoredOffset, key: string): bigint | undefined {
  const value = offset[key]
  if (typeof value === 'bigint') return value
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : undefined
}
