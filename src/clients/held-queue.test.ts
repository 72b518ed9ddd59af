import { expect, test } from 'vitest'
import { heldQueue } from './held-queue.ts'

/** A queue of 100 bytes on a stream that says what it is told. */
function queueOf() {
  const told: string[] = []
  const queue = heldQueue<string>(100)
  queue.attach({ pause: () => told.push('pause'), resume: () => told.push('resume') })
  return { queue, told }
}

test('a reader who is slower pauses the stream above the limit, and lets it go on when half of that is read', async () => {
  const { queue, told } = queueOf()
  for (const item of ['a', 'b', 'c']) queue.push(item, 40)
  expect(told).toEqual(['pause'])
  const reader = queue[Symbol.asyncIterator]()
  expect((await reader.next()).value).toBe('a')
  expect(told).toEqual(['pause'])
  expect((await reader.next()).value).toBe('b')
  expect(told).toEqual(['pause', 'resume'])
  queue.push('d', 40)
  queue.end()
  expect([(await reader.next()).value, (await reader.next()).value, (await reader.next()).done]).toEqual(['c', 'd', true])
})

test('a reader who waits gets what comes, and an error only after it', async () => {
  const { queue, told } = queueOf()
  const reader = queue[Symbol.asyncIterator]()
  const waiting = reader.next()
  queue.push('a', 1)
  queue.push('b', 1)
  queue.end(new Error('the connection broke'))
  queue.end()
  expect((await waiting).value).toBe('a')
  expect((await reader.next()).value).toBe('b')
  await expect(reader.next()).rejects.toThrow('the connection broke')
  expect(told).toEqual([])
})
