import { expect, test } from 'vitest'
import { align } from './align.ts'

const good = { lsn: 100n, baseStopLsn: 90n, walEndLsn: 200n, partitions: [{ topic: 't', partition: 0, wanted: 5n, stored: 5n }] }

test('positions of one cut have no finding', () => {
  expect(align(good)).toEqual([])
})

test.each([
  ['a point before the end of the base backup', { lsn: 80n }, 'point-before-base'],
  ['WAL that ends at the point', { walEndLsn: 100n }, 'wal-too-short'],
  ['a partition stored short of its end', { partitions: [{ topic: 't', partition: 0, wanted: 5n, stored: 4n }] }, 'topic-too-short'],
])('%s is harm', (_title, change, code) => {
  expect(align({ ...good, ...change })).toMatchObject([{ severity: 'harm', code }])
})
