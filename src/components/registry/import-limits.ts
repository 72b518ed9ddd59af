import type { Finding } from '../../base/finding.ts'
import { zipEntries } from './probe.ts'

/** Apicurio's defaults (`apicurio.import.zip.*`): an export beyond them cannot be imported without raising them. */
const importLimits = { entryBytes: 10 * 1024 ** 2, totalBytes: 100 * 1024 ** 2, entries: 10_000 }

/** A warning about an export zip that an Apicurio as it comes would not take back; undefined for every other one. */
export function beyondImportLimits(zip: Buffer): Finding | undefined {
  const entries = zipEntries(zip)
  const total = entries.reduce((sum, entry) => sum + entry.bytes, 0)
  const largest = entries.reduce((max, entry) => Math.max(max, entry.bytes), 0)
  if (entries.length <= importLimits.entries && total <= importLimits.totalBytes && largest <= importLimits.entryBytes) return undefined
  return {
    severity: 'warning',
    code: 'native-import-limits',
    component: 'registry',
    item: 'apicurio-export.zip',
    message: `${entries.length} entries, ${total} bytes unpacked, the largest ${largest}: beyond what apicurio imports by default (${importLimits.entries}, ${importLimits.totalBytes}, ${importLimits.entryBytes})`,
    next: 'raise apicurio.import.zip.* on the target before a restore',
  }
}
