import { expect, test } from 'vitest'
import { parseHistory, readSegmentHeader, segmentFault, segmentStart, segmentsFrom, walArtifactPath } from './wal-segment.ts'

const size = 16n * 1024n * 1024n
const expected = { systemIdentifier: '7412345678901234567', segmentSize: size, majorVersion: 15 }

function head(changes: { magic?: number; info?: number; timeline?: number; address?: bigint; system?: bigint } = {}): Buffer {
  const bytes = Buffer.alloc(40)
  bytes.writeUInt16LE(changes.magic ?? 0xd110, 0)
  bytes.writeUInt16LE(changes.info ?? 2, 2)
  bytes.writeUInt32LE(changes.timeline ?? 1, 4)
  bytes.writeBigUInt64LE(changes.address ?? 5n * size, 8)
  bytes.writeBigUInt64LE(changes.system ?? 7412345678901234567n, 24)
  bytes.writeUInt32LE(Number(size), 32)
  return bytes
}

const fault = (changes: Parameters<typeof head>[0], bytes = Number(size), name = '000000010000000000000005') =>
  segmentFault({ name, bytes, head: head(changes) }, expected)

test('a segment whose header fits its name has no fault', () => {
  expect(readSegmentHeader(head())).toEqual({
    magic: 0xd110,
    timeline: 1,
    pageAddress: 5n * size,
    systemIdentifier: '7412345678901234567',
    segmentSize: Number(size),
  })
  expect(fault({})).toBeUndefined()
  expect(fault({ timeline: 1 }, Number(size), '000000020000000000000005')).toBeUndefined()
})

test('a segment of another size, version, system, timeline or position is told apart', () => {
  expect(fault({}, 100)).toMatch(/100 bytes/)
  expect(fault({ magic: 0xd113 })).toMatch(/magic 0xd113/)
  expect(fault({ info: 0 })).toMatch(/does not begin/)
  expect(fault({ system: 1n })).toMatch(/system 1/)
  expect(fault({ timeline: 2 })).toMatch(/timeline 2/)
  expect(fault({ address: 6n * size })).toMatch(/another position/)
})

test('counts segments over the end of a log file, up to the one that holds the position', () => {
  expect(segmentsFrom('0000000100000000000000FE', 0x1_0000_0000n, size)).toEqual([
    '0000000100000000000000FE',
    '0000000100000000000000FF',
    '000000010000000100000000',
  ])
  expect(segmentStart('000000010000000100000000', size)).toBe(0x1_0000_0000n)
  expect(segmentsFrom('000000010000000000000005', 5n * size, size)).toHaveLength(1)
})

test('keys WAL by system and timeline', () => {
  expect(walArtifactPath('74', '0000000200000000000000FE')).toBe('wal/74/00000002/0000000200000000000000FE.zst')
})

test('reads the ancestors out of a history file', () => {
  expect(parseHistory('1\t0/5000000\tno recovery target specified\n\n2\t0/60000A0\tbefore LSN 0/60000A0\n')).toEqual([
    { timeline: 1, switchedAt: 0x5000000n },
    { timeline: 2, switchedAt: 0x60000a0n },
  ])
})
