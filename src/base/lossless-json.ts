/**
 * JSON in which integers beyond 2^53 survive: they are read as bigint and written as plain digits.
 * Debezium offsets (`lsn`, `ts_usec`) and Kafka offsets pass 2^53 in theory and are ids, never floats.
 */
export function parseJson(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    const source = context?.source
    if (typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source)) return BigInt(source)
    return value
  })
}

/** Writes bigint as a JSON number with all its digits. */
export function stringifyJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? rawJson(item.toString()) : item), indent)
}

const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON
