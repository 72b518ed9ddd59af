import { describe, expect, test } from 'vitest'
import { buildBatch } from '../../clients/kafka/build-batch.ts'
import { type BatchHeader, parseBatchHeader } from '../../clients/kafka/record-batch.ts'
import { abortFilter, trackTransactions } from './read-committed.ts'

interface Step {
  at: bigint
  by?: bigint
  marker?: 'commit' | 'abort'
}

function header({ at, by, marker }: Step): BatchHeader {
  const record = { offset: at, timestamp: 0n, key: Buffer.alloc(4), value: null, headers: [] }
  const transaction = by === undefined ? {} : { producerId: by, transactional: true }
  return parseBatchHeader(buildBatch({ baseOffset: at, records: [record], control: marker !== undefined, ...transaction }))
}

/** Offsets of the data batches that are committed, by the ranges that the tracker ends with. */
function committed(steps: Step[], listed: { producerId: bigint; firstOffset: bigint }[], end: bigint, resumeAt?: number) {
  let tracker = trackTransactions()
  tracker.list(listed)
  steps.forEach((step, index) => {
    if (index === resumeAt) tracker = trackTransactions(structuredClone(tracker.state()))
    tracker.see(header(step), step.marker)
  })
  const { ranges, abortedRecords } = tracker.finish(end)
  const aborted = abortFilter(ranges)
  const data = steps.filter(({ marker }) => marker === undefined)
  const kept = data.filter((step) => !aborted(header(step))).map(({ at }) => at)
  expect(BigInt(data.length - kept.length)).toBe(abortedRecords)
  return kept
}

const interleaved: Step[] = [
  { at: 0n },
  { at: 1n, by: 1n },
  { at: 2n, by: 2n },
  { at: 3n, by: 1n },
  { at: 4n, by: 1n, marker: 'abort' },
  { at: 5n, by: 2n },
  { at: 6n, by: 2n, marker: 'commit' },
  { at: 7n, by: 1n },
  { at: 8n, by: 1n, marker: 'abort' },
  { at: 9n, by: 1n },
  { at: 10n, by: 1n, marker: 'commit' },
]

describe('interleaved producers, one with two aborted transactions and a committed one', () => {
  test('by markers alone', () => expect(committed(interleaved, [], 11n)).toEqual([0n, 2n, 5n, 9n]))

  test('with the broker list, both transactions of one producer in it', () => {
    const listed = [
      { producerId: 1n, firstOffset: 7n },
      { producerId: 1n, firstOffset: 1n },
    ]
    expect(committed(interleaved, listed, 11n)).toEqual([0n, 2n, 5n, 9n])
  })

  test.each(interleaved.map((_, index) => index))('going on from a state saved before step %d gives the same', (index) => {
    expect(committed(interleaved, [{ producerId: 1n, firstOffset: 1n }], 11n, index)).toEqual([0n, 2n, 5n, 9n])
  })
})

test('an abort marker of a producer without data there aborts nothing', () => {
  expect(
    committed(
      [
        { at: 0n, by: 1n },
        { at: 1n, by: 9n, marker: 'abort' },
        { at: 2n, by: 1n, marker: 'commit' },
      ],
      [],
      3n,
    ),
  ).toEqual([0n])
})

test('a marker beyond the end: aborted when the broker lists it, committed when not', () => {
  const steps: Step[] = [
    { at: 5n, by: 1n },
    { at: 6n, by: 2n },
  ]
  expect(committed(steps, [{ producerId: 1n, firstOffset: 5n }], 7n)).toEqual([6n])
})

test('a committed transaction whose marker compaction removed is kept: the list says where the aborted one begins', () => {
  const steps: Step[] = [
    { at: 1n, by: 1n },
    { at: 5n, by: 1n },
    { at: 6n, by: 1n, marker: 'abort' },
  ]
  expect(committed(steps, [{ producerId: 1n, firstOffset: 5n }], 7n)).toEqual([1n])
})

test('a transaction listed again after its marker does not abort the next one', () => {
  const tracker = trackTransactions()
  tracker.list([{ producerId: 1n, firstOffset: 0n }])
  expect(tracker.see(header({ at: 0n, by: 1n }), undefined)).toBe('aborted')
  tracker.see(header({ at: 1n, by: 1n, marker: 'abort' }), 'abort')
  tracker.list([{ producerId: 1n, firstOffset: 0n }])
  expect(tracker.see(header({ at: 2n, by: 1n }), undefined)).toBe('data')
})
