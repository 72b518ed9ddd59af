import { expect, test } from 'vitest'
import { addPartition, addRun, adoptPartition, type OffsetMap } from './offset-map.ts'
import { offsetMapLines } from './offset-map-lines.ts'

test('every run of every partition, under the names of backup and target', () => {
  const own: OffsetMap = new Map()
  addPartition(own, 'restored.a', 0, 0n)
  for (let run = 0n; run < 5000n; run++) addRun(own, 'restored.a', 0, { source: run * 10n, target: run * 3n, count: 3n })
  const map: OffsetMap = new Map()
  adoptPartition(map, own, { source: 'a', target: 'restored.a', partition: 0 })
  addPartition(map, 'b', 7, 4n)
  const portions = [...offsetMapLines(map)]
  expect(portions.length).toBeGreaterThan(2)
  const [a, b] = JSON.parse(`[${portions.join('')}]`) as [{ runs: string[][] }, unknown]
  expect(a).toMatchObject({ topic: 'a', partition: 0, to: 'restored.a', end: '15000' })
  expect(a.runs.length).toBe(5000)
  expect(a.runs[4999]).toEqual(['49990', '14997', '3'])
  expect(b).toEqual({ topic: 'b', partition: 7, to: 'b', end: '4', runs: [] })
})
