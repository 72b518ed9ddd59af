import { expect, test } from 'vitest'
import type { GroupSnapshot } from './part.ts'
import { trackPositions } from './spread-positions.ts'

const group = (groupId: string, ...positions: bigint[]): GroupSnapshot => ({
  groupId,
  type: 'classic',
  protocolType: 'consumer',
  state: 'Empty',
  offsets: positions.map((offset, partition) => ({ topic: 'orders', partition, offset, metadata: '' })),
})

function track(groups: GroupSnapshot[], records: [source: number, offset: bigint, target: number][], ends: bigint[]) {
  const tracker = trackPositions('orders', 'wide.orders', groups)
  const next = ends.map(() => 0n)
  for (const [source, offset, target] of records) {
    const targetOffset = next[target] ?? 0n
    next[target] = targetOffset + 1n
    tracker.see({ source, offset, target, targetOffset })
  }
  return [...tracker.positions(ends)].map(([groupId, { offsets, again }]) => [groupId, offsets.map(({ offset }) => offset), again])
}

test('a group stands before the first record that it had not read, never behind it, and reads what it had of the later ones again', () => {
  const records: [number, bigint, number][] = [
    [0, 0n, 0],
    [1, 0n, 0],
    [0, 1n, 1],
    [1, 1n, 0],
    [0, 2n, 0],
    [1, 2n, 1],
  ]
  expect(track([group('middle', 2n, 1n), group('end', 3n, 3n), group('start', 0n, 0n)], records, [4n, 2n])).toEqual([
    // Unread: 1/1 and 1/2, 0/2. Nothing that was read comes behind them.
    ['middle', [2n, 1n], 0n],
    ['end', [4n, 2n], 0n],
    ['start', [0n, 0n], 0n],
  ])
  expect(track([group('uneven', 0n, 3n)], records, [4n, 2n])).toEqual([['uneven', [0n, 0n], 3n]])
})

test('a partition without a position of the group counts as unread', () => {
  expect(
    track(
      [group('half', 5n)],
      [
        [0, 0n, 0],
        [1, 0n, 0],
      ],
      [2n],
    ),
  ).toEqual([['half', [1n], 0n]])
})

test('groups of other topics are not followed', () => {
  const other = group('other', 1n)
  for (const offset of other.offsets) offset.topic = 'items'
  expect(track([other], [], [0n])).toEqual([])
})
