import { expect, test } from 'vitest'
import type { ArtifactSummary } from './artifact-summary.ts'
import { assemblePartition } from './assemble-partition.ts'
import { type PartitionChain, usableFiles } from './partition-chain.ts'
import { noSchemaIds } from './schema-ids.ts'

/** Files of ten offsets each, of the given sizes. */
function chainOf(sizes: number[]): PartitionChain {
  const summaries = sizes.map((_, index) => summary(index * 10))
  const artifacts = sizes.map((bytes, index) => ({ path: `${index * 10}`, component: 'kafka' as const, bytes, sha256: '0'.repeat(64) }))
  return { topicId: 'same', summaries, artifacts }
}

function summary(from: number, rest: Partial<ArtifactSummary> = {}): ArtifactSummary {
  return {
    artifact: { path: `${from}`, firstOffset: BigInt(from), lastOffset: BigInt(from + 9), batches: 1, records: 10n },
    leaderEpoch: 0,
    gaps: { count: 0, offsets: 0n, first: [] },
    aborted: 0n,
    ranges: [],
    open: [],
    listed: [],
    schemaIds: noSchemaIds(),
    ...rest,
  }
}

const frozen = (startOffset: bigint, endOffset: bigint) => ({ partition: 0, startOffset, endOffset, highWatermark: endOffset })
const firsts = (files: ArtifactSummary[]) => files.map(({ artifact }) => Number(artifact.firstOffset))
const small = 1000
const middling = 100_000
const large = 64 * 1024 * 1024

test('goes on behind all files of the same topic, behind none of another or of a log that ends before them', () => {
  expect(firsts(usableFiles(chainOf([large, large]), 'same', frozen(0n, 50n)))).toEqual([0, 10])
  expect(usableFiles(chainOf([large, large]), 'other', frozen(0n, 50n))).toEqual([])
  expect(usableFiles(chainOf([large, large]), 'same', frozen(0n, 19n))).toEqual([])
})

test('files below the log start are left behind, the one that holds it stays', () => {
  expect(firsts(usableFiles(chainOf([large, large, large]), 'same', frozen(10n, 50n)))).toEqual([10, 20])
  expect(firsts(usableFiles(chainOf([large, large, large]), 'same', frozen(19n, 50n)))).toEqual([10, 20])
  expect(usableFiles(chainOf([large, large]), 'same', frozen(20n, 50n))).toEqual([])
})

test('eight files of one size class at the end are read again, and those of the next class with them when they are eight too; large ones never', () => {
  const run = (count: number, bytes: number) => Array<number>(count).fill(bytes)
  expect(usableFiles(chainOf([large, ...run(7, small)]), 'same', frozen(0n, 500n))).toHaveLength(8)
  expect(usableFiles(chainOf([large, ...run(8, small)]), 'same', frozen(0n, 500n))).toHaveLength(1)
  expect(usableFiles(chainOf([large, ...run(8, middling), ...run(8, small)]), 'same', frozen(0n, 500n))).toHaveLength(1)
  expect(usableFiles(chainOf([...run(3, middling), ...run(8, small)]), 'same', frozen(0n, 500n))).toHaveLength(3)
  expect(usableFiles(chainOf(run(20, large)), 'same', frozen(0n, 500n))).toHaveLength(20)
})

test('small files whose records the log does not have any more stay as they are', () => {
  expect(usableFiles(chainOf(Array<number>(9).fill(small)), 'same', frozen(3n, 500n))).toHaveLength(9)
})

test('a part is the sum of its files; of the gap before the first one only what lies behind the start counts', () => {
  const gap = { from: 20n, to: 40n, reason: 'compaction' as const }
  const files = [
    summary(40, { before: gap, aborted: 2n, ranges: [{ producerId: 7n, firstOffset: 41n, lastOffset: 42n }] }),
    summary(60, { before: { from: 50n, to: 60n, reason: 'compaction' }, gaps: { count: 2, offsets: 3n, first: [] } }),
  ]
  const pieces = { summaries: files, unmarked: [{ producerId: 8n, firstOffset: 65n, lastOffset: 79n }] }
  const atEnd = { from: 70n, to: 80n, reason: 'compaction' as const }
  const part = assemblePartition({ ...pieces, frozen: frozen(30n, 80n), atEnd })
  expect(part).toMatchObject({ startOffset: 30n, endOffset: 80n, committedRecords: 18n, gaps: { count: 5, offsets: 33n } })
  expect(part.gaps.first.map(({ from, to }) => [from, to])).toEqual([
    [30n, 40n],
    [50n, 60n],
    [70n, 80n],
  ])
  expect(part.aborted.map(({ producerId }) => producerId)).toEqual([7n, 8n])
  expect(assemblePartition({ ...pieces, frozen: frozen(45n, 80n), atEnd: undefined }).gaps).toMatchObject({ count: 3, offsets: 13n })
})
