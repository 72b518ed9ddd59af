/**
 * What a pgoutput stream (protocol version 1) says about transactions. Grammar: PostgreSQL manual, "Logical Replication Message Formats".
 * Only what a cut needs is read: who began and committed what, where, and which relations changed.
 *
 *   B  final LSN int64, commit time int64 (µs since 2000-01-01), xid int32
 *   C  flags int8, commit LSN int64, end LSN int64, commit time int64
 *   R  relation oid int32, namespace string, name string, …
 *   I U D  relation oid int32, …        T  count int32, options int8, oid int32 × count
 *   M  flags int8, LSN int64, prefix string, length int32, content
 *   O Y  origin, type
 */
export type PgoutputMessage =
  | { type: 'begin'; finalLsn: bigint; xid: number; commitTime: Date }
  | { type: 'commit'; commitLsn: bigint; endLsn: bigint; commitTime: Date }
  | { type: 'relation'; oid: number; name: string }
  | { type: 'change'; operation: 'I' | 'U' | 'D'; relation: number }
  | { type: 'truncate'; relations: number[] }
  | { type: 'message'; prefix: string; transactional: boolean }
  | { type: 'other' }

/** Milliseconds from 1970 to PostgreSQL's epoch, 2000-01-01. */
const postgresEpoch = 946_684_800_000

/** Parses one message. Throws a RangeError when it ends too early. */
export function parsePgoutput(data: Buffer): PgoutputMessage {
  const tag = String.fromCharCode(data.readUInt8(0))
  switch (tag) {
    case 'B':
      return { type: 'begin', finalLsn: data.readBigUInt64BE(1), commitTime: time(data.readBigInt64BE(9)), xid: data.readUInt32BE(17) }
    case 'C':
      return { type: 'commit', commitLsn: data.readBigUInt64BE(2), endLsn: data.readBigUInt64BE(10), commitTime: time(data.readBigInt64BE(18)) }
    case 'R': {
      const namespace = cString(data, 5)
      const name = cString(data, namespace.next)
      // pg_catalog is sent as an empty namespace.
      return { type: 'relation', oid: data.readUInt32BE(1), name: `${namespace.text || 'pg_catalog'}.${name.text}` }
    }
    case 'I':
    case 'U':
    case 'D':
      return { type: 'change', operation: tag, relation: data.readUInt32BE(1) }
    case 'T':
      return { type: 'truncate', relations: Array.from({ length: data.readUInt32BE(1) }, (_item, index) => data.readUInt32BE(6 + 4 * index)) }
    case 'M':
      return { type: 'message', transactional: (data.readUInt8(1) & 1) === 1, prefix: cString(data, 10).text }
    default:
      return { type: 'other' }
  }
}

function time(microseconds: bigint): Date {
  return new Date(Number(microseconds / 1000n) + postgresEpoch)
}

function cString(data: Buffer, start: number): { text: string; next: number } {
  const end = data.indexOf(0, start)
  if (end < 0) throw new RangeError('a string in a pgoutput message has no end')
  return { text: data.toString('utf8', start, end), next: end + 1 }
}
