import type { Finding } from '../base/finding.ts'
import { formatLsn, type Lsn } from '../base/lsn.ts'

export interface Positions {
  /** The cut: end LSN of the last transaction that belongs to the point. */
  lsn: Lsn
  /** Where the base backup became consistent; nothing before it can be recovered to. */
  baseStopLsn?: Lsn
  /** End of the stored WAL. */
  walEndLsn?: Lsn
  /** Frozen end offset and stored end offset per partition. */
  partitions: { topic: string; partition: number; wanted: bigint; stored: bigint }[]
}

/** Do these positions form one cut that a restore can reach? Findings of grade harm say why not. Pure. */
export function align({ lsn, baseStopLsn, walEndLsn, partitions }: Positions): Finding[] {
  const findings: Finding[] = []
  const harm = (component: 'postgres' | 'kafka', code: string, item: string, message: string) =>
    findings.push({ severity: 'harm', component, code, item, message })
  if (baseStopLsn !== undefined && lsn < baseStopLsn) {
    harm(
      'postgres',
      'point-before-base',
      formatLsn(lsn),
      `lies before the end of the base backup at ${formatLsn(baseStopLsn)}: PostgreSQL cannot be recovered to it`,
    )
  }
  if (walEndLsn !== undefined && walEndLsn <= lsn) {
    harm('postgres', 'wal-too-short', formatLsn(lsn), `the stored WAL ends at ${formatLsn(walEndLsn)}, before the recovery point is passed`)
  }
  for (const { topic, partition, wanted, stored } of partitions) {
    if (stored < wanted)
      harm('kafka', 'topic-too-short', `${topic}/${partition}`, `is stored up to offset ${stored}, the recovery point needs ${wanted}`)
  }
  return findings
}
