import { expect, test } from 'vitest'
import { silentContext } from '../base/context.ts'
import type { ConnectorPosition } from './take-barrier.ts'
import { behindCut, type RunningSteps, takeRunning, wholeUpTo } from './take-running.ts'

const commit = (xid: bigint, endLsn: bigint) => ({ xid, commitLsn: endLsn - 8n, endLsn, timestampUs: 1_795_493_810_462_709n })
const shop: ConnectorPosition = { clean: true, lsn: 100n, until: 192n, xid: '5', later: [commit(7n, 200n), commit(8n, 300n)], walEnd: 400n }
const stock: ConnectorPosition = { clean: true, lsn: 150n, until: 242n, xid: '6', later: [commit(9n, 250n), commit(7n, 200n)], walEnd: 410n }

test('the point is the least of what the connectors prove', () => {
  const both = new Map([
    ['shop', shop],
    ['stock', stock],
  ])
  expect(wholeUpTo(both)).toEqual({ lsn: 192n, walEnd: 400n })
})

test('what may be behind a cut is all that the slots show behind it, in the order of commits', () => {
  const both = new Map([
    ['shop', shop],
    ['stock', stock],
  ])
  const log = behindCut(both, 192n)
  expect(log).toMatchObject({ from: 192n, to: 400n })
  expect([...(log?.transactions ?? [])].map(({ xid }) => xid)).toEqual([7n, 9n, 8n])
})

test('a slot does not show what lies before its connector: then nothing can be said of the cut', () => {
  const both = new Map([
    ['shop', shop],
    ['stock', stock],
  ])
  expect(behindCut(both, 149n)).toBeUndefined()
})

test('one that stands nowhere, or none at all, is no point', () => {
  expect(
    wholeUpTo(
      new Map<string, ConnectorPosition>([
        ['shop', shop],
        ['stock', { clean: false, reason: 'in its snapshot' }],
      ]),
    ),
  ).toEqual({ reason: 'stock: in its snapshot' })
  expect(wholeUpTo(new Map())).toEqual({ reason: 'no connector captures the database' })
})

function steps(asked: string[], positions: ConnectorPosition[]): () => Promise<RunningSteps<string, string, string>> {
  const say = async <T>(word: string, value: T) => {
    asked.push(word)
    return value
  }
  return () =>
    say('open', {
      connectors: ['shop'],
      readOffsets: () => say('offsets', 'o'),
      readGroups: () => say('groups', 'g'),
      freeze: () => say('freeze', 'e'),
      resolve: () => say('resolve', positions.shift() ?? shop),
      [Symbol.asyncDispose]: () => say('close', undefined),
    })
}

test('offsets are read before the ends are frozen, positions after; a connector that lags behind the base backup is asked again', async () => {
  const asked: string[] = []
  const lagging: ConnectorPosition = { clean: true, lsn: 20n, until: 30n, later: [], walEnd: 400n }
  const point = await takeRunning(steps(asked, [lagging]), { notBefore: 50n, everyMs: 1 }, silentContext())
  const once = ['open', 'offsets', 'groups', 'freeze', 'resolve', 'close']
  expect(asked).toEqual([...once, ...once])
  expect(point).toMatchObject({ lsn: 192n, offsets: 'o', groups: 'g', ends: 'e', attempts: 2 })
})

test('one that never comes behind it is told, with where it stands', async () => {
  const lagging: ConnectorPosition = { clean: true, lsn: 20n, until: 30n, later: [], walEnd: 400n }
  await expect(takeRunning(steps([], [lagging]), { notBefore: 50n, timeoutMs: -1 }, silentContext())).rejects.toMatchObject({
    code: 'barrier-not-reached',
    message: expect.stringMatching(/prove the topics up to 0\/1E, the base backup ends at 0\/32/) as string,
  })
})
