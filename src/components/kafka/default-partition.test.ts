import { expect, test } from 'vitest'
import { defaultPartition, murmur2 } from './default-partition.ts'

// From org.apache.kafka.common.utils.UtilsTest.testMurmur2.
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2 of %s is what Java says', (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash)
})

test('a hash with its sign bit set still gives a partition', () => {
  expect(defaultPartition(Buffer.from('21'), 7)).toBe((-973932308 & 0x7fffffff) % 7)
  expect(defaultPartition(Buffer.alloc(0), 1)).toBe(0)
})
