import { expect, test } from 'vitest'
import { silentContext } from '../base/context.ts'
import { type ConnectorPosition, commonCut, takeBarrier } from './take-barrier.ts'

function steps(positions: ConnectorPosition[], journal: string[]) {
  let attempt = -1
  return {
    connectors: ['a'],
    attempts: 3,
    pauseMs: 1,
    stop: async () => void journal.push('stop'),
    resume: async () => void journal.push('resume'),
    readOffsets: async () => {
      attempt++
      return 'offsets'
    },
    resolve: async () => positions[attempt] ?? { clean: false as const, reason: 'inside a transaction' },
    readGroups: async () => {
      journal.push('groups')
      return 'groups'
    },
    freeze: async () => {
      journal.push('ends')
      return 'ends'
    },
  }
}

test('a connector that stands inside a transaction goes on and is stopped again', async () => {
  const journal: string[] = []
  const barrier = await takeBarrier(
    steps(
      [
        { clean: false, reason: 'inside transaction 731' },
        { clean: true, lsn: 9n, xid: '732' },
      ],
      journal,
    ),
    silentContext(),
  )
  expect(barrier).toMatchObject({ lsn: 9n, xid: '732', attempts: 2, groups: 'groups', ends: 'ends' })
  expect(journal).toEqual(['stop', 'resume', 'stop', 'groups', 'ends', 'resume'])
})

test('gives up with the reasons when no attempt is clean, connectors running', async () => {
  const journal: string[] = []
  await expect(takeBarrier(steps([], journal), silentContext())).rejects.toMatchObject({
    code: 'barrier-not-reached',
    message: expect.stringContaining('inside a transaction'),
  })
  expect(journal.at(-1)).toBe('resume')
  expect(journal.filter((step) => step === 'stop')).toHaveLength(3)
})

test('a failing step still resumes the connectors', async () => {
  const journal: string[] = []
  const failing = { ...steps([{ clean: true, lsn: 1n }], journal), freeze: async () => Promise.reject(new Error('broker gone')) }
  await expect(takeBarrier(failing, silentContext())).rejects.toThrow('broker gone')
  expect(journal.at(-1)).toBe('resume')
})

test('two connectors at different commits are no common cut', () => {
  expect(
    commonCut([
      { name: 'a', position: { clean: true, lsn: 1n } },
      { name: 'b', position: { clean: true, lsn: 2n } },
    ]),
  ).toEqual({ reason: 'a and b stand at different commits' })
})

test('a connector that lags behind the base backup goes on until it has passed its end', async () => {
  const journal: string[] = []
  const lagging = steps(
    [
      { clean: true, lsn: 5n },
      { clean: true, lsn: 7n },
    ],
    journal,
  )
  expect(await takeBarrier({ ...lagging, notBefore: 6n }, silentContext())).toMatchObject({ lsn: 7n, attempts: 2 })
})
