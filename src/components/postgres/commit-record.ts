import type { WalRecord } from './wal-records.ts'

/**
 * Records of the transaction manager (access/xact.h), after the header of 24 bytes: blocks' and data's lengths, as every record has them
 * (access/xlogrecord.h), then
 *
 *   time i64, microseconds since 2000; with 0x80 in the info: flags u32, then, each if its flag is set,
 *   1 database u32 u32 · 2 subtransactions n × u32 · 4 files n × 12 · 256 dropped statistics n × 12 (from version 18 on 16) ·
 *   8 invalidations n × 16 · 16 the prepared transaction's xid u32 …      (each n an i32 before them)
 */
const operations = { commit: 0x00, commitPrepared: 0x30 } as const
const hasFlags = 0x80

export function isCommit(info: number): boolean {
  const operation = info & 0x70
  return operation === operations.commit || operation === operations.commitPrepared
}

/** The top-level xid, and the time in microseconds since 1970. */
export function readCommit({ info, xid, data }: WalRecord, majorVersion: number): { xid: bigint; timestampUs: bigint } {
  const main = mainData(data)
  const timestampUs = main.readBigInt64LE(0) + postgresEpochUs
  if ((info & 0x70) === operations.commit) return { xid: BigInt(xid), timestampUs }
  const flags = (info & hasFlags) === 0 ? 0 : main.readUInt32LE(8)
  let at = 12
  const skip = (flag: number, bytes: number) => {
    if ((flags & flag) !== 0) at += 4 + main.readInt32LE(at) * bytes
  }
  if ((flags & 1) !== 0) at += 8
  skip(2, 4)
  skip(4, 12)
  skip(256, majorVersion >= 18 ? 16 : 12)
  skip(8, 16)
  return { xid: BigInt(main.readUInt32LE(at)), timestampUs }
}

/** XLOG_RESTORE_POINT of the resource manager of WAL itself. */
export const restorePointInfo = 0x70

/** Its name, and the time in microseconds since 1970. */
export function readRestorePoint({ data }: WalRecord): { name: string; timestampUs: bigint } {
  const main = mainData(data)
  const bytes = main.subarray(8)
  const length = bytes.indexOf(0)
  return { name: bytes.toString('utf8', 0, length < 0 ? bytes.length : length), timestampUs: main.readBigInt64LE(0) + postgresEpochUs }
}

/** 2000-01-01 in microseconds since 1970. */
const postgresEpochUs = 946_684_800_000_000n

/** What a record without blocks carries: behind the marks of its origin (253: u16) and of its top-level transaction (252: u32). */
function mainData(data: Buffer): Buffer {
  let at = 0
  for (;;) {
    const mark = data.readUInt8(at)
    if (mark === 253) at += 3
    else if (mark === 252) at += 5
    else if (mark === 255) return data.subarray(at + 2)
    else if (mark === 254) return data.subarray(at + 5)
    else throw new RangeError(`a commit record has a block ${mark}`)
  }
}
