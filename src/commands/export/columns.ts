export const exportFormats = ['avro-json', 'raw'] as const
export type ExportFormat = (typeof exportFormats)[number]

/**
 * Columns of an avro-json file, in the order in which kafka-avro-console-consumer prints them, with the name of what each shows: `timestamp` is
 * `CreateTime:N` or `LogAppendTime:N`, `partition` is `Partition:N`, `offset` is `Offset:N`, `headers` is `NAME:VALUE,…` or `NO_HEADERS`.
 */
export const columnNames = ['timestamp', 'partition', 'offset', 'headers', 'key', 'key-id', 'value', 'value-id'] as const
export type ColumnName = (typeof columnNames)[number]

/** What an export adds to the value. */
export const columnChoices = ['timestamp', 'partition', 'offset', 'headers', 'key', 'ids'] as const
export type ColumnChoice = (typeof columnChoices)[number]

/** The columns of a line: the value always, ids behind what they are of. */
export function columnsOf(chosen: readonly ColumnChoice[]): ColumnName[] {
  const wanted = (name: ColumnName) => {
    if (name === 'value') return true
    if (name === 'value-id') return chosen.includes('ids')
    if (name === 'key-id') return chosen.includes('ids') && chosen.includes('key')
    return chosen.includes(name)
  }
  return columnNames.filter(wanted)
}

export const separator = '\t'
