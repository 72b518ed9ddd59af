import type { ColumnName, ExportFormat } from './columns.ts'
import type { StoredRecord } from './stored-records.ts'

export interface LossCounter {
  see(record: StoredRecord): void
  readonly records: number
  readonly tombstones: number
  readonly partitions: number
  /** Only what is not zero. */
  lost(): Record<string, number>
}

/** Counts what the records have and lines with these columns do not hold. */
export function countLosses(format: ExportFormat, columns: readonly ColumnName[]): LossCounter {
  const counts = { keys: 0, timestamps: 0, partitions: 0, offsets: 0, headers: 0, schemaIds: 0, tombstones: 0 }
  const partitions = new Set<number>()
  const without = (column: ColumnName) => format === 'avro-json' && !columns.includes(column)
  let [records, tombstones] = [0, 0]
  return {
    see({ partition, key, value, headers }) {
      records += 1
      partitions.add(partition)
      if (value === null) tombstones += 1
      if (without('key') && key !== null) counts.keys += 1
      if (without('key') && value === null) counts.tombstones += 1
      if (without('timestamp')) counts.timestamps += 1
      if (without('partition')) counts.partitions += 1
      if (without('offset')) counts.offsets += 1
      // The headers column is for people: it cannot be read back.
      if (format === 'avro-json') counts.headers += headers.length
      if (without('value-id')) counts.schemaIds += Number(value !== null) + Number(key !== null && columns.includes('key'))
    },
    get records() {
      return records
    },
    get tombstones() {
      return tombstones
    },
    get partitions() {
      return partitions.size
    },
    lost: () => Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
  }
}
