import { DatapipeError } from '../../base/errors.ts'
import { formatLsn, type Lsn } from '../../base/lsn.ts'
import { crc32cAfter } from '../../clients/crc32c.ts'

/**
 * WAL is a run of pages of 8 KiB (access/xlog_internal.h); integers are little-endian:
 *
 *   page    magic u16, info u16 (1: begins within a record, 2: long header, 8: that record was given up), timeline u32, address u64,
 *           bytes left of the record u32, padding to 24; a segment's first page has 16 more
 *   record  length u32, xid u32, previous u64, info u8, resource manager u8, 2 of padding, CRC-32C u32 over what follows and then these 20
 *
 * A record begins at a multiple of 8 and goes on behind the header of the next page. One of length 0 means that no more follows in this
 * segment: so it is behind a segment switch.
 */
const pageSize = 8192
const headerLength = 24

/** A record of a kind that was asked for. */
export interface WalRecord {
  /** Where it begins, and where it ends: the next one begins there, or behind the page header that is there. */
  lsn: Lsn
  end: Lsn
  xid: number
  /** Without the low four bits, which are the WAL's own. */
  info: number
  manager: number
  /** Everything behind the header. */
  data: Buffer
}

export interface WalReader {
  /** The next bytes of the WAL, in any portions, from the start of a segment on without a gap. */
  push(bytes: Uint8Array): void
  /** Where the first whole record begins; undefined while there was none. */
  start(): Lsn | undefined
  /** Where the last whole record ends. */
  end(): Lsn | undefined
}

/** Resource managers, in the order of access/rmgrlist.h. */
export const managers = { xlog: 0, transaction: 1 } as const
const segmentSwitch = 0x40

/**
 * Reads WAL from the start of the segment at `from`, and hands over the records that `wants` picks by their resource manager and info.
 * Only these are read in full and checked by their CRC; of all others the header. Throws `archive-broken` where the chain of records is torn.
 */
export function readWal(options: {
  from: Lsn
  segmentSize: bigint
  wants: (manager: number, info: number) => boolean
  onRecord: (record: WalRecord) => void
}): WalReader {
  const { segmentSize, wants, onRecord } = options
  const page = Buffer.alloc(pageSize)
  let filled = 0
  let address = options.from
  let addressLow = 0
  let first: Lsn | undefined
  let last: Lsn | undefined
  /** Of the record that goes on: its bytes so far (all of the header, the rest if wanted), and how many are still to come. */
  let open: { lsn: Lsn; header: Buffer; known: number; body: Buffer[] | undefined; left: number } | undefined
  /** Bytes of a record that began before `from`. */
  let foreign = 0
  let over = false
  /** Low half of where the last whole record began: what the next one names. */
  let previousLow: number | undefined
  /** Where in this page the last record ends that was passed over; 0 when `last` is it. */
  let ended = 0

  const torn = (lsn: Lsn, why: string) => new DatapipeError('archive-broken', `the WAL cannot be read at ${formatLsn(lsn)}: ${why}`, { path: 'wal' })

  const unlinked = (lsn: Lsn) => torn(lsn, 'a record does not follow the one before it')

  const take = (at: number): number => {
    if (open === undefined) return at
    const count = Math.min(open.left, pageSize - at)
    let from = at
    if (open.known < headerLength) {
      const wanted = Math.min(headerLength - open.known, count)
      page.copy(open.header, open.known, from, from + wanted)
      open.known += wanted
      from += wanted
      if (open.known === headerLength) open.body = judge(open.lsn, open.header)
    }
    if (from < at + count) open.body?.push(Buffer.from(page.subarray(from, at + count)))
    open.left -= count
    if (open.left > 0) return pageSize
    const end = (at + count + 7) & ~7
    finish(open.lsn, open.header, open.body, address + BigInt(end))
    open = undefined
    return end
  }
  const judge = (lsn: Lsn, header: Buffer): Buffer[] | undefined => {
    if (previousLow !== undefined && header.readUInt32LE(8) !== previousLow) throw unlinked(lsn)
    return wants(header.readUInt8(17), header.readUInt8(16) & 0xf0) ? [] : undefined
  }
  const finish = (lsn: Lsn, header: Buffer, body: Buffer[] | undefined, end: Lsn) => {
    first ??= lsn
    last = end
    ended = 0
    previousLow = Number(lsn & 0xffffffffn)
    const manager = header.readUInt8(17)
    const info = header.readUInt8(16) & 0xf0
    if (manager === managers.xlog && info === segmentSwitch) over = true
    if (body === undefined) return
    const data = Buffer.concat(body)
    if (crc32cAfter(crc32cAfter(0, data), header.subarray(0, 20)) !== header.readUInt32LE(20))
      throw torn(lsn, 'a record has another checksum than it says')
    onRecord({ lsn, end, xid: header.readUInt32LE(4), info: header.readUInt8(16), manager, data })
  }

  const isLookedAt = (at: number) => {
    const [info, manager] = [page.readUInt8(at + 16) & 0xf0, page.readUInt8(at + 17)]
    return wants(manager, info) || (manager === managers.xlog && info === segmentSwitch)
  }
  /** Nearly all records: whole in this page, and of no interest but as a link of the chain. */
  const passOver = (at: number, length: number): number => {
    if (previousLow !== undefined && page.readUInt32LE(at + 8) !== previousLow) throw unlinked(address + BigInt(at))
    first ??= address + BigInt(at)
    previousLow = (addressLow + at) >>> 0
    ended = (at + length + 7) & ~7
    return ended
  }

  const readPage = () => {
    const isFirst = address % segmentSize === 0n
    if (isFirst) over = false
    if (over) return
    if (page.readUInt16LE(0) === 0) {
      over = true
      return
    }
    const info = page.readUInt16LE(2)
    if (page.readBigUInt64LE(8) !== address) {
      // What a segment held before it was used again: the WAL ends here.
      over = true
      return
    }
    let at = (info & 2) === 0 ? 24 : 40
    if ((info & 1) === 0) {
      // A server that crashed within a record never ends it; the record before it stays the one that the next names.
      open = undefined
      foreign = 0
    } else if (open !== undefined) {
      if (page.readUInt32LE(16) !== open.left) throw torn(address, 'a page goes on with another record')
      at = take(at)
    } else {
      foreign = page.readUInt32LE(16)
      at = foreign > pageSize - at ? pageSize : (at + foreign + 7) & ~7
    }
    while (at <= pageSize - 8 && !over) {
      const length = page.readUInt32LE(at)
      if (length === 0) {
        over = true
        return
      }
      if (length >= headerLength && at + length <= pageSize && !isLookedAt(at)) {
        at = passOver(at, length)
        continue
      }
      const lsn = address + BigInt(at)
      if (length < headerLength) throw torn(lsn, `a record of ${length} bytes`)
      open = { lsn, header: Buffer.alloc(headerLength), known: 0, body: undefined, left: length }
      at = take(at)
    }
  }

  return {
    push(bytes) {
      for (let from = 0; from < bytes.length; ) {
        const count = Math.min(pageSize - filled, bytes.length - from)
        page.set(bytes.subarray(from, from + count), filled)
        filled += count
        from += count
        if (filled < pageSize) return
        addressLow = Number(address & 0xffffffffn)
        readPage()
        if (ended > 0) last = address + BigInt(ended)
        ended = 0
        address += BigInt(pageSize)
        filled = 0
      }
    },
    start: () => first,
    end: () => last,
  }
}
