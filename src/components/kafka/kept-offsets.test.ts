import { expect, test } from 'vitest'
import { offsetsWithout } from './kept-offsets.ts'
import type { PartitionPart } from './part.ts'

const part = (startOffset: bigint, endOffset: bigint, committedRecords: bigint, firstGap?: [bigint, bigint]): PartitionPart => ({
  partition: 0,
  startOffset,
  endOffset,
  highWatermark: endOffset,
  committedRecords,
  aborted: [],
  gaps: {
    count: firstGap === undefined ? 0 : 1,
    offsets: firstGap === undefined ? 0n : firstGap[1] - firstGap[0],
    first: firstGap === undefined ? [] : [{ from: firstGap[0], to: firstGap[1], reason: 'compaction' }],
  },
  artifacts: [],
})

test.each([
  ['every offset has a record', part(5n, 15n, 10n), 0n, 0n],
  ['nothing is left of ten offsets', part(5n, 15n, 0n), 10n, 0n],
  ['the gap at the start is not between records', part(0n, 100n, 10n, [0n, 60n]), 60n, 30n],
  ['a gap that begins later is', part(0n, 100n, 10n, [1n, 60n]), 0n, 90n],
  ['a batch across the bounds counts in full: nothing is missing', part(5n, 15n, 12n), 0n, 0n],
])('%s', (_title, partition, before, behind) => {
  expect(offsetsWithout(partition)).toEqual({ before, behind })
})
