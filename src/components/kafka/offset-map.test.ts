import { expect, test } from 'vitest'
import { addPartition, addRun, isMapped, mapOffset, type OffsetMap } from './offset-map.ts'

function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

test.each([...Array(50).keys()])('whatever was kept, an offset maps to the next kept record, after the last one to the end (seed %d)', (seed) => {
  const next = random(seed)
  const start = BigInt(Math.floor(next() * 5))
  const kept: bigint[] = []
  const map: OffsetMap = new Map()
  addPartition(map, 't', 0, start)
  let target = start
  let source = BigInt(Math.floor(next() * 10))
  for (let index = 0; index < 40; index++) {
    if (next() < 0.3) source += BigInt(Math.floor(next() * 4))
    const count = 1n + BigInt(Math.floor(next() * 3))
    addRun(map, 't', 0, { source, target, count })
    for (let delta = 0n; delta < count; delta++) kept.push(source + delta)
    source += count
    target += count
  }
  for (let offset = 0n; offset <= source + 3n; offset++) {
    const index = kept.findIndex((item) => item >= offset)
    expect(mapOffset(map, 't', 0, offset)).toBe(start + BigInt(index < 0 ? kept.length : index))
  }
})

test('runs that go on are one run', () => {
  const map: OffsetMap = new Map()
  addPartition(map, 't', 3, 0n)
  for (let offset = 0n; offset < 1000n; offset++) addRun(map, 't', 3, { source: 50n + offset, target: offset, count: 1n })
  expect(map.get('t/3')?.used).toBe(1)
})

test('an empty partition maps everything to its end; an unknown one is an error', () => {
  const map: OffsetMap = new Map()
  addPartition(map, 't', 0, 4n)
  expect(mapOffset(map, 't', 0, 0n)).toBe(4n)
  expect(mapOffset(map, 't', 0, 9_000_000_000_000_000_000n)).toBe(4n)
  expect(isMapped(map, 't', 1)).toBe(false)
  expect(() => mapOffset(map, 't', 1, 0n)).toThrow(RangeError)
})
