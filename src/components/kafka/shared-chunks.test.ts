import { expect, test } from 'vitest'
import { BufferPool } from '../../base/buffer-pool.ts'
import { shareChunks } from './shared-chunks.ts'

test('a chunk goes back when the stream has gone on and its last holder is done, whichever comes last', () => {
  const pool = new BufferPool({ bytes: 1000, kept: 5 })
  const chunks = shareChunks(pool)
  const first = pool.take(1000)
  const one = chunks.hold(first.subarray(0, 10))
  const two = chunks.hold(first.subarray(10))
  one()
  chunks.over(first)
  expect(pool.take(1000).buffer).not.toBe(first.buffer)
  two()
  expect(pool.take(1000).buffer).toBe(first.buffer)

  const second = pool.take(1000)
  chunks.hold(second)()
  expect(pool.take(1000).buffer).not.toBe(second.buffer)
  chunks.over(second)
  expect(pool.take(1000).buffer).toBe(second.buffer)
})
