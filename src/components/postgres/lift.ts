import { type Context, inPhase } from '../../base/context.ts'
import type { Finding } from '../../base/finding.ts'
import { formatLsn, type Lsn } from '../../base/lsn.ts'
import type { FencedServer } from './fenced-server.ts'

/** What a lift burns at most: a segment and a hundred thousand xids take about a tenth of a second to a second each. */
export const mostLift = { segments: 1024n, xids: 10_000_000n }

export interface LiftTarget {
  /** The highest position that was ever sent; undefined when none was. */
  lsn: Lsn | undefined
  /** 32 bits, as events carry it. */
  xid: bigint | undefined
}

/** How many xids from `next` (which is not given out yet) to past `highest`; 0 when that lies behind. Numbers come again after four billion. Pure. */
export function xidsToBurn(next: bigint, highest: bigint): bigint {
  const ahead = BigInt.asUintN(32, highest - next)
  return ahead < 2n ** 31n ? ahead + 1n : 0n
}

/** How many segments must be switched for the WAL to go on behind `highest`. Pure. */
export function segmentsToBurn(flushLsn: Lsn, highest: Lsn, segmentSize: bigint): bigint {
  return flushLsn > highest ? 0n : highest / segmentSize - flushLsn / segmentSize + 1n
}

/**
 * Burns WAL and xids of a fenced server until it gives out none that were sent before: for sinks that tell old from new by them. Before slots
 * are made, so that they stand behind all that. More than `mostLift` is left, and said.
 */
export async function liftPositions(fenced: FencedServer, target: LiftTarget, context: Context): Promise<Finding[]> {
  return await inPhase(context, 'lift LSNs and xids', async () => [...(await liftXids(fenced, target.xid)), ...(await liftWal(fenced, target.lsn))])
}

async function liftXids(fenced: FencedServer, highest: bigint | undefined): Promise<Finding[]> {
  if (highest === undefined) return []
  const [row] = await fenced.query<{ next: string }>('SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next')
  const count = xidsToBurn(BigInt(row?.next ?? '0'), highest)
  if (count > mostLift.xids) return [notLifted(`xids up to ${highest} were sent, which are ${count} ahead`)]
  await using client = await fenced.client()
  await client.query('SET synchronous_commit = off')
  if (count > 0n) await client.query(`DO $$ BEGIN FOR i IN 1..${count} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$`)
  return []
}

async function liftWal(fenced: FencedServer, highest: Lsn | undefined): Promise<Finding[]> {
  if (highest === undefined) return []
  const [row] = await fenced.query<{ size: string }>("SELECT setting AS size FROM pg_settings WHERE name = 'wal_segment_size'")
  const count = segmentsToBurn(await fenced.flushLsn(), highest, BigInt(row?.size ?? '16777216'))
  if (count > mostLift.segments) return [notLifted(`LSNs up to ${formatLsn(highest)} were sent, which are ${count} segments ahead`)]
  await using client = await fenced.client()
  // A segment without a record is not switched.
  for (let done = 0n; done < count; done++) await client.query("SELECT pg_logical_emit_message(false, 'datapipe', 'lift'), pg_switch_wal()")
  // The next record begins the next segment.
  if (count > 0n) await client.query("SELECT pg_logical_emit_message(false, 'datapipe', 'lift')")
  return []
}

/** Pure. */
export function notLifted(message: string): Finding {
  return {
    severity: 'warning',
    code: 'not-lifted',
    component: 'postgres',
    item: 'lift',
    message: `${message}: more than a lift burns; they will be given out again`,
    next: 'look after sinks that tell old from new by source.lsn or source.txId',
  }
}
