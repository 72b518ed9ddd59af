import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { formatLsn, type Lsn } from '../../base/lsn.ts'
import { readTransactionLog } from '../../components/postgres/read-transaction-log.ts'
import { segmentStart } from '../../components/postgres/wal-segment.ts'
import type { TransactionLog } from '../../recovery-point/transaction-log.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import { cutBackup } from '../cut/cut-backup.ts'
import type { Captured } from './capture.ts'
import { type SettledEnds, settledOffsets, usableAt } from './settled-ends.ts'
import type { TakenPoint } from './take-point.ts'

export interface CutPointOptions {
  point: TakenPoint
  captured: Captured
  reader: ArtifactReader
  settled: readonly SettledEnds[]
  context: Context
}

export interface CutPoint {
  kind: TakenPoint['kind']
  /** By `topic/partition`: where it ends at the point, when that is before its stored end. */
  ends: ReadonlyMap<string, bigint>
  /** The last transaction before it, of a point by transaction. */
  last?: { xid: string; time: string }
  findings: Finding[]
}

/**
 * Where the stored topics end at the point. Without a barrier they go on beyond it. With one they should not: where a worker has cut a
 * connector's stop short, its last events stand behind what its offset says, and the point becomes one by transaction.
 * Throws `cut-not-possible` for a point that needs the cut.
 */
export async function cutPoint(options: CutPointOptions): Promise<CutPoint> {
  const { point, captured, reader, context } = options
  const { kind, lsn } = point
  const uncut: CutPoint = { kind, ends: new Map(), findings: [] }
  if (lsn === undefined || captured.kafka === undefined) return uncut
  const log = point.behind ?? (kind === 'transaction' ? await storedLog(captured.postgres, lsn, options) : undefined)
  if (log === undefined) return uncut
  const settled = usableAt(options.settled, lsn)
  // A whole history is not read again for a stop that is hardly ever cut short.
  if (kind === 'barrier' && settled === undefined) return uncut
  try {
    const { kafka, registry, connect } = captured
    const { ends, findings } = await cutBackup({
      parts: { ...(kafka && { kafka }), ...(registry && { registry }), ...(connect && { connect }) },
      readers: { kafka: reader, registry: reader, connect: reader },
      log,
      lsn,
      settled: settled && settledOffsets(settled, captured.kafka),
      unplacedStay: kind === 'barrier',
      context,
    })
    if (kind === 'transaction') return { kind, ends, findings, ...lastOf(log, lsn) }
    if (ends.size === 0) return uncut
    return { kind: 'transaction', ends, findings: [...findings, ...[...ends].map(([item, end]) => ahead(item, end, formatLsn(lsn)))] }
  } catch (error) {
    if (kind !== 'barrier' || !(error instanceof DatapipeError) || error.code !== 'cut-not-possible') throw error
    context.emit({ type: 'log', level: 'info', component: 'kafka', message: `that the topics end at the barrier was not checked: ${error.message}` })
    return uncut
  }
}

/**
 * The commits of the stored WAL from the point on, and some before it. The connectors' slots do not show them all: one that is ahead of the point
 * has confirmed transactions behind it.
 */
async function storedLog(postgres: Captured['postgres'], lsn: Lsn, { reader, context }: CutPointOptions): Promise<TransactionLog> {
  if (postgres === undefined) throw new TypeError('a point by transaction without PostgreSQL')
  const { server, wal } = postgres
  // The one before the point's own, too: records that a segment begins in the middle of are known by it alone.
  const first = wal.segments.findLastIndex(({ name }) => segmentStart(name, BigInt(server.walSegmentSize)) <= lsn)
  const segments = wal.segments.slice(Math.max(0, first - 1))
  return inPhase(context, 'read WAL', () => readTransactionLog({ segments, server, reachesLsn: wal.reachesLsn, reader, context }))
}

function lastOf({ transactions }: TransactionLog, lsn: Lsn): Pick<CutPoint, 'last'> {
  for (let index = transactions.length - 1; index >= 0; index--) {
    const transaction = transactions.at(index)
    if (transaction === undefined || transaction.endLsn > lsn) continue
    const { xid, timestampUs } = transaction
    return { last: { xid: xid.toString(), time: new Date(Number(timestampUs / 1000n)).toISOString() } }
  }
  return {}
}

function ahead(item: string, end: bigint, lsn: string): Finding {
  return {
    severity: 'warning',
    code: 'topics-ahead',
    component: 'kafka',
    item,
    message: `had events of transactions behind ${lsn}, where its connector stood by its offset: it was stopped before it could store that; a restore ends the topic at ${end}`,
    next: 'give the workers more time to stop (task.shutdown.graceful.timeout.ms)',
  }
}
