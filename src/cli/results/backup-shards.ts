import type { BackupPlanResult } from '../../commands/backup-plan.ts'
import type { BackupShardResult } from '../../commands/backup-shard.ts'
import { formatBytes, formatCount, formatSeconds, formatTable } from '../render/format.ts'

/** What each shard has to do, and the lines to type. */
export function backupPlanText({ id, shards, load, recoveryPoint, seconds }: BackupPlanResult): string {
  const rows = load.map(({ partitions, offsets }, index) => [`  ${index + 1}/${shards}`, String(partitions), String(offsets)])
  const table = formatTable([['  SHARD', 'PARTITIONS', 'OFFSETS'], ...rows], [1, 2])
  return `backup ${id} is planned in ${shards} shards, after ${formatSeconds(seconds)}: ${recoveryPoint.kind}, ${recoveryPoint.takenAt}\n${table}store each with: datapipe backup --shard I/${shards} --id ${id}\nand then:        datapipe backup --merge --id ${id}\n`
}

/** What one shard has stored. */
export function backupShardText({ id, shard, shards, already, partitions, bytes, records, seconds }: BackupShardResult): string {
  if (already) return `shard ${shard}/${shards} of backup ${id} was stored before\n`
  return `shard ${shard}/${shards} of backup ${id} is stored: ${partitions} partitions, ${formatCount(records)} records, ${formatBytes(bytes)} new, in ${formatSeconds(seconds)}\n`
}
