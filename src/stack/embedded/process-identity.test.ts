import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { identifyProcess, isAlive, signalProcess } from './process-identity.ts'

test('a living process is alive, and dead once it was killed', async () => {
  const child = spawn('sleep', ['60'])
  await once(child, 'spawn')
  const identity = identifyProcess(child.pid ?? 0)
  if (identity === undefined) throw new Error('no identity')
  expect(isAlive(identity)).toBe(true)
  const closed = once(child, 'close')
  expect(signalProcess(identity, 'SIGKILL')).toBe(true)
  await closed
  expect(isAlive(identity)).toBe(false)
  expect(signalProcess(identity, 'SIGKILL')).toBe(false)
})

test('another process that has come by the pid is neither alive under the old name nor signalled', () => {
  const self = identifyProcess(process.pid)
  expect(self).toBeDefined()
  const earlier = { pid: process.pid, startTime: '1' }
  expect(isAlive(earlier)).toBe(false)
  expect(signalProcess(earlier, 'SIGKILL')).toBe(false)
})
