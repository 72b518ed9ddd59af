import { expect, test } from 'vitest'
import { assignRanges } from './group-membership.ts'

test('partitions are shared in ranges by member id, the first members getting one more', () => {
  const members = [
    { id: 'b', subscribed: ['t', 'u'] },
    { id: 'a', subscribed: ['t'] },
  ]
  const shares = assignRanges(
    members,
    new Map([
      ['t', 3],
      ['u', 2],
    ]),
  )
  const text = (id: string) => shares.get(id)?.map(({ topic, partition }) => `${topic}${partition}`)
  expect(text('a')).toEqual(['t0', 't1'])
  expect(text('b')).toEqual(['t2', 'u0', 'u1'])
})
