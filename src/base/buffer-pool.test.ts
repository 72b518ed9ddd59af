import { expect, test } from 'vitest'
import { BufferPool } from './buffer-pool.ts'

test('what was given back is taken again, in the size that is asked for', () => {
  const pool = new BufferPool({ bytes: 1000, kept: 2 })
  const first = pool.take(900)
  expect(first.length).toBe(900)
  pool.give(first.subarray(10, 20))
  const second = pool.take(500)
  expect(second.length).toBe(500)
  expect(second.buffer).toBe(first.buffer)
})

test('a buffer given back twice has one taker only', () => {
  const pool = new BufferPool({ bytes: 1000, kept: 5 })
  const first = pool.take(1000)
  pool.give(first)
  pool.give(first)
  expect(pool.take(1000).buffer).not.toBe(pool.take(1000).buffer)
})

test('no more than the agreed number is kept, and neither foreign, larger nor much smaller buffers', () => {
  const pool = new BufferPool({ bytes: 1000, kept: 1 })
  const [first, second] = [pool.take(1000), pool.take(1000)]
  pool.give(first)
  pool.give(second)
  pool.give(Buffer.alloc(1000))
  pool.give(pool.take(1001))
  pool.give(pool.take(100))
  expect(pool.take(1000).buffer).toBe(first.buffer)
  expect(pool.take(1000).buffer).not.toBe(second.buffer)
})
