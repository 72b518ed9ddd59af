import { expect, test } from 'vitest'
import { silentContext } from '../base/context.ts'
import { type SlotTransaction, untilNextChange } from './resolve-offset.ts'
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

const at = (name: string, lsn: bigint, until?: bigint) => ({
  name,
  position: { clean: true as const, lsn, xid: `${lsn}`, ...(until === undefined ? {} : { until }) },
})

test('connectors that stand apart have the cuts in common that mean the same to each', () => {
  expect(commonCut([at('a', 1n), at('b', 2n)])).toEqual({ reason: 'b stands at 0/2, and a has not captured a commit at 0/1, before that' })
  expect(commonCut([at('a', 1n, 2n), at('b', 2n)])).toEqual({ lsn: 2n, xid: '2' })
  expect(commonCut([at('a', 1n, 9n), at('b', 4n, 7n), at('c', 2n, 8n)])).toEqual({ lsn: 7n, xid: '4' })
  expect(commonCut([at('a', 1n, 3n), at('b', 4n, 7n)])).toMatchObject({ reason: expect.stringContaining('0/3') as string })
  expect(commonCut([])).toEqual({ reason: 'no connector to stop' })
})

/** Numbers from 0 to below `n`, the same for each seed. */
function dice(seed: number): (n: number) => number {
  let state = seed
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}

test('whatever two or three connectors have captured: the cut holds what each has, and where there is none, there is none', () => {
  let [found, refused] = [0, 0]
  for (let seed = 1; seed <= 4000; seed++) {
    const roll = dice(seed)
    const names = ['a', 'b', 'c'].slice(0, 2 + roll(2))
    // Transactions in the order of their commits: some back to back, each captured by some connectors, or by none.
    let wal = 10n
    const history = Array.from({ length: roll(12) }, (_, xid) => {
      const commitLsn = wal + BigInt(roll(3))
      wal = commitLsn + 1n + BigInt(roll(3))
      return { xid, commitLsn, endLsn: wal, commitTime: new Date(0), by: names.filter(() => roll(3) === 0) }
    })
    const walEnd = wal + BigInt(roll(5))
    const stopped = names.map((name) => {
      const captured = history.filter(({ by }) => by.includes(name))
      const delivered = captured.slice(0, captured.length - Math.min(captured.length, roll(3)))
      const waiting: SlotTransaction[] = history.map(({ by, ...rest }) => ({ ...rest, changes: by.includes(name) ? [rest.commitLsn] : [] }))
      const position = untilNextChange({ clean: true, lsn: delivered.at(-1)?.endLsn ?? 10n }, waiting, walEnd)
      return { name, captured, delivered, position }
    })
    /** A recovery that stops at `lsn` replays the commits that begin below it. */
    const right = (lsn: bigint) =>
      stopped.every(({ captured, delivered }) => captured.filter(({ commitLsn }) => commitLsn < lsn).length === delivered.length)
    const cut = commonCut(stopped)
    if ('lsn' in cut) {
      found++
      expect(right(cut.lsn), `seed ${seed}`).toBe(true)
    } else {
      refused++
      const all = Array.from({ length: Number(walEnd) + 1 }, (_, lsn) => BigInt(lsn)).filter((lsn) => lsn >= 10n)
      expect(all.filter(right), `seed ${seed}`).toEqual([])
    }
  }
  // Both happen, often enough to mean something.
  expect(Math.min(found, refused)).toBeGreaterThan(400)
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
