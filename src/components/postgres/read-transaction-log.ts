import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { formatLsn, type Lsn, parseLsn } from '../../base/lsn.ts'
import { commitColumns, type TransactionLog, transactionLog } from '../../recovery-point/transaction-log.ts'
import type { Artifact, ArtifactReader } from '../../repository/artifact.ts'
import { isCommit, readCommit, readRestorePoint, restorePointInfo } from './commit-record.ts'
import { decompressed } from './compression.ts'
import type { PostgresPart } from './part.ts'
import { asGap } from './restore-files.ts'
import { managers, readWal, type WalReader } from './wal-records.ts'
import { segmentAfter, segmentStart } from './wal-segment.ts'

/** `SELECT pg_create_restore_point('name')`: recovery to it replays what committed before `lsn`, where its record begins. */
export interface RestorePoint {
  name: string
  lsn: Lsn
  timestampUs: bigint
}

export interface WalLog extends TransactionLog {
  restorePoints: RestorePoint[]
}

export interface ReadWalOptions {
  /** One timeline's, without a gap, in order; those of one backup (`part.wal.segments`), or of several that share them. */
  segments: readonly { name: string; artifact: Artifact }[]
  server: Pick<PostgresPart['server'], 'walSegmentSize' | 'majorVersion'>
  /** The WAL is known to reach to here; what lies behind in the last segment is not read. */
  reachesLsn: string
  reader: ArtifactReader
  context: Context
}

/**
 * All transactions that committed in stored WAL, read from its records without PostgreSQL's programs. Segments are streamed: what is kept is
 * 32 bytes a commit. Throws `wal-gap`, `artifact-damaged`, and `archive-broken` where records do not follow one another.
 */
export async function readTransactionLog({ segments, server, reachesLsn, reader, context }: ReadWalOptions): Promise<WalLog> {
  const segmentSize = BigInt(server.walSegmentSize)
  const [first] = segments
  if (first === undefined) throw new DatapipeError('wal-gap', 'the backup holds no WAL')
  const to = parseLsn(reachesLsn)
  const transactions = commitColumns()
  const restorePoints: RestorePoint[] = []
  const wal = readWal({
    from: segmentStart(first.name, segmentSize),
    segmentSize,
    wants: (manager, info) => (manager === managers.transaction && isCommit(info)) || (manager === managers.xlog && info === restorePointInfo),
    onRecord: (record) => {
      if (record.lsn >= to) return
      if (record.manager === managers.xlog) restorePoints.push({ ...readRestorePoint(record), lsn: record.lsn })
      else transactions.add({ ...readCommit(record, server.majorVersion), commitLsn: record.lsn, endLsn: record.end })
    },
  })
  let expected = first.name
  for (const [index, { name, artifact }] of segments.entries()) {
    if (name !== expected) throw new DatapipeError('wal-gap', `WAL segment ${expected} is not in the repository`, { path: expected })
    expected = segmentAfter(name, segmentSize)
    await pushSegment(wal, { name, artifact, reader, context })
    context.emit({ type: 'progress', task: 'read WAL', done: index + 1, total: segments.length, unit: 'items' })
  }
  const end = wal.end() ?? 0n
  if (end < to)
    throw new DatapipeError('wal-gap', `the stored WAL was to reach to ${reachesLsn}, and its records end at ${formatLsn(end)}`, { path: expected })
  return { ...transactionLog({ from: wal.start() ?? to, to, transactions }), restorePoints }
}

interface Segment {
  name: string
  artifact: Artifact
  reader: ArtifactReader
  context: Context
}

async function pushSegment(wal: WalReader, { name, artifact, reader, context }: Segment): Promise<void> {
  try {
    for await (const chunk of decompressed(reader.read(artifact), context.signal, artifact.path)) wal.push(chunk)
  } catch (error) {
    throw asGap(error, name, artifact)
  }
}
