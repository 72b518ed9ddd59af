import { type Lsn, parseLsn, walSegmentName } from '../../base/lsn.ts'

/** What the long header of a segment's first page says (access/xlog_internal.h; see archive-wal.ts for the bytes). */
export interface SegmentHeader {
  magic: number
  timeline: number
  pageAddress: Lsn
  systemIdentifier: string
  segmentSize: number
}

/** Reads the first 40 bytes of a segment; undefined when they are no long page header. */
export function readSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < 40 || (bytes.readUInt16LE(2) & 2) === 0) return undefined
  return {
    magic: bytes.readUInt16LE(0),
    timeline: bytes.readUInt32LE(4),
    pageAddress: bytes.readBigUInt64LE(8),
    systemIdentifier: bytes.readBigUInt64LE(24).toString(),
    segmentSize: bytes.readUInt32LE(32),
  }
}

/** The magic of each major version's WAL pages (access/xlog_internal.h, XLOG_PAGE_MAGIC). */
const magics: Record<number, number> = { 15: 0xd110, 16: 0xd113, 17: 0xd116, 18: 0xd118 }

/**
 * What is wrong with a segment, `head` being its first 40 bytes or more: its size, or a header that does not fit its name and system. Undefined when nothing is.
 * A segment's first page may have been written on an earlier timeline than its name says: never on a later one.
 */
export function segmentFault(
  segment: { name: string; bytes: number; head: Buffer },
  expected: { systemIdentifier: string; segmentSize: bigint; majorVersion: number },
): string | undefined {
  const { name, bytes, head } = segment
  if (BigInt(bytes) !== expected.segmentSize) return `has ${bytes} bytes instead of ${expected.segmentSize}`
  const header = readSegmentHeader(head)
  if (header === undefined) return 'does not begin with a WAL page'
  const magic = magics[expected.majorVersion]
  if (magic !== undefined && header.magic !== magic) return `has page magic ${hex(header.magic)} instead of ${hex(magic)}`
  if (header.systemIdentifier !== expected.systemIdentifier) return `belongs to system ${header.systemIdentifier}`
  if (header.timeline > segmentTimeline(name)) return `was written on timeline ${header.timeline}`
  const start = segmentStart(name, expected.segmentSize)
  if (header.pageAddress !== start) return `begins at another position (${header.pageAddress.toString(16)}) than its name says`
  return undefined
}

const hex = (value: number) => `0x${value.toString(16)}`

/** `000000010000000000000005` → 1. */
export function segmentTimeline(name: string): number {
  return Number.parseInt(name.slice(0, 8), 16)
}

/** The position of a segment's first byte. */
export function segmentStart(name: string, segmentSize: bigint): Lsn {
  const perLog = 0x1_0000_0000n / segmentSize
  return (BigInt(`0x${name.slice(8, 16)}`) * perLog + BigInt(`0x${name.slice(16, 24)}`)) * segmentSize
}

/** Every segment name from the one called `first` to the one that holds `upto`, on one timeline. */
export function segmentsFrom(first: string, upto: Lsn, segmentSize: bigint): string[] {
  const names: string[] = []
  for (let start = segmentStart(first, segmentSize); start <= upto; start += segmentSize) {
    names.push(walSegmentName(segmentTimeline(first), start, segmentSize))
  }
  return names
}

/** The name of the next segment on the same timeline. */
export function segmentAfter(name: string, segmentSize: bigint): string {
  return walSegmentName(segmentTimeline(name), segmentStart(name, segmentSize) + segmentSize, segmentSize)
}

/** The names of `<timeline>.history` files a timeline needs: none for the first. */
export function historyName(timeline: number): string {
  return `${timelineHex(timeline)}.history`
}

export function timelineHex(timeline: number): string {
  return timeline.toString(16).toUpperCase().padStart(8, '0')
}

/** Where a WAL file lies in the repository: shared by all backups of the system, keyed by its identity and timeline. */
export function walArtifactPath(systemIdentifier: string, name: string): string {
  return `wal/${systemIdentifier}/${name.slice(0, 8)}/${name}.zst`
}

/** The ancestors of a timeline, oldest first, from its history file: lines of `parentTLI <tab> switch LSN <tab> reason`. */
export function parseHistory(text: string): { timeline: number; switchedAt: Lsn }[] {
  const ancestors: { timeline: number; switchedAt: Lsn }[] = []
  for (const line of text.split('\n')) {
    const match = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line)
    if (match?.[1] !== undefined && match[2] !== undefined) ancestors.push({ timeline: Number(match[1]), switchedAt: parseLsn(match[2]) })
  }
  return ancestors
}
