import type { ImportResult } from '../../commands/import.ts'
import { lostText } from './export.ts'

/** What went where. */
export function importText({ dryRun, files }: ImportResult): string {
  const verb = dryRun ? 'would go' : 'went'
  const lines = files.map(
    ({ file, topic, records, tombstones, lost }) => `${file}: ${records} records (${tombstones} tombstones) ${verb} into ${topic}${lostText(lost)}`,
  )
  return `${lines.join('\n')}\n`
}
