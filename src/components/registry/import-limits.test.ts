import { expect, test } from 'vitest'
import { beyondImportLimits } from './import-limits.ts'

const mebibyte = 1024 ** 2

/** The central directory of a zip with entries of these sizes, and nothing else of it: what is looked at. */
function zipOf(...sizes: number[]): Buffer {
  const entries = sizes.map((bytes) => {
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x02014b50, 0)
    entry.writeUInt32LE(bytes, 24)
    return entry
  })
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(sizes.length, 10)
  return Buffer.concat([...entries, end])
}

test('an export within the limits of an import is nothing to warn of', () => {
  expect(beyondImportLimits(zipOf(10 * mebibyte, 5))).toBeUndefined()
  expect(beyondImportLimits(zipOf(...Array<number>(10_000).fill(1)))).toBeUndefined()
})

test.each([
  ['too many entries', Array<number>(10_001).fill(1), /^10001 entries, 10001 bytes unpacked, the largest 1: beyond/],
  ['one entry too large', [10 * mebibyte + 1], /the largest 10485761: beyond/],
  ['too much in all', Array<number>(11).fill(9.5 * mebibyte), /^11 entries, 109576192 bytes/],
])('%s is told at the backup, with what to raise', (_what, sizes, message) => {
  expect(beyondImportLimits(zipOf(...sizes))).toMatchObject({
    severity: 'warning',
    code: 'native-import-limits',
    message: expect.stringMatching(message) as string,
    next: expect.stringContaining('apicurio.import.zip') as string,
  })
})
