import { expect, test } from 'vitest'
import { waitUntil } from '../base/wait-until.ts'
import { watchMemory } from './memory-watch.ts'

/** Answers one after the other, the last one for ever. */
function answering<T>(...answers: (T | Error)[]): () => Promise<T> {
  return async () => {
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    if (answer instanceof Error || answer === undefined) throw answer
    return answer
  }
}

test('the peak is the highest sum of servers and engine, not the last one', async () => {
  const stack = { memory: answering({ kafka: 10 }, { kafka: 100, postgres: 20 }, { kafka: 5 }) }
  await using watch = watchMemory(stack, { memory: async () => 7 }, 1)
  await waitUntil(() => watch.peak === 127, { what: 'the second look', timeoutMs: 60_000, everyMs: 1 })
  expect(watch.missed).toBe(0)
})

test('a look that failed is counted with its reason, and the watch goes on to a higher peak', async () => {
  const stack = { memory: answering({ kafka: 10 }, new Error('no such container'), { kafka: 30 }) }
  await using watch = watchMemory(stack, { memory: async () => undefined }, 1)
  await waitUntil(() => watch.peak === 30, { what: 'the look after the failed one', timeoutMs: 60_000, everyMs: 1 })
  expect(watch).toMatchObject({ missed: 1, lastMiss: 'no such container' })
})

test('where no look succeeds there is no peak', async () => {
  const stack = { memory: answering<Record<string, number>>(new Error('down')) }
  await using watch = watchMemory(stack, { memory: async () => undefined }, 1)
  await waitUntil(() => watch.missed > 2, { what: 'three failed looks', timeoutMs: 60_000, everyMs: 1 })
  expect(watch.peak).toBeUndefined()
})
