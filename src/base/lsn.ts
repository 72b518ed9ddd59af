/** A PostgreSQL WAL position: bigint inside, `X/Y` hexadecimal text outside, decimal text in Debezium offsets. */
export type Lsn = bigint

/** Reads `16/B374D848`. Throws a RangeError on anything else. */
export function parseLsn(text: string): Lsn {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text)
  if (!match) throw new RangeError(`not an LSN: ${text}`)
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)
}

/** Writes `16/B374D848`, as PostgreSQL prints it. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`
}

/**
 * The name of the WAL segment that holds `lsn`: timeline, log and segment number as 8 hex digits each.
 * `segmentSize` in bytes (`wal_segment_size`, 16 MiB by default).
 */
export function walSegmentName(timeline: number, lsn: Lsn, segmentSize: bigint): string {
  const segment = lsn / segmentSize
  const perLog = 0x1_0000_0000n / segmentSize
  const hex = (value: bigint) => value.toString(16).toUpperCase().padStart(8, '0')
  return hex(BigInt(timeline)) + hex(segment / perLog) + hex(segment % perLog)
}
