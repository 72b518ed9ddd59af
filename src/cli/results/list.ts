import type { ListResult } from '../../commands/list.ts'
import { formatBytes, formatTable } from '../render/format.ts'

/** One line a backup, oldest first. */
export function listText({ url, backups }: ListResult): string {
  if (backups.length === 0) return `no backups in ${url}\n`
  const rows = backups.map((backup) => [
    backup.id,
    backup.state,
    formatBytes(backup.bytes),
    formatBytes(backup.earlier.bytes),
    formatBytes(backup.sharedBytes),
    backup.components.join(' ') || '-',
    backup.recoveryPoint?.postgres?.lsn ?? '-',
    backup.label ?? backup.reason ?? '',
  ])
  return formatTable([['BACKUP', 'STATE', 'SIZE', 'EARLIER', 'WAL', 'COMPONENTS', 'RECOVERY POINT', 'LABEL'], ...rows], [2, 3, 4])
}
