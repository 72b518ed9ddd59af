import type { ExportResult } from '../../commands/export.ts'

/** The files, and what they do not hold of their records. */
export function exportText({ backup, files }: ExportResult): string {
  const lines = files.map(({ path, records, lost }) => `${path}  ${records} records${lostText(lost)}`)
  return `${lines.join('\n')}\n${files.length} of backup ${backup}\n`
}

/** `; not in it: 12 headers, 400 timestamps`. */
export function lostText(lost: Record<string, number> | null): string {
  const entries = Object.entries(lost ?? {})
  return entries.length === 0 ? '' : `; not in it: ${entries.map(([name, count]) => `${count} ${words(name)}`).join(', ')}`
}

const words = (name: string) => name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
