import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentContext } from '../../base/context.ts'
import { withLock } from './with-lock.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-lock-'))
})
afterEach(() => rm(directory, { recursive: true }))

test('two at once take turns', async () => {
  const path = join(directory, 'lock')
  let inside = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++inside)
    await new Promise((resolve) => setTimeout(resolve, 30))
    inside--
  }
  await Promise.all([1, 2, 3].map(() => withLock(path, silentContext(), work)))
  expect(most).toBe(1)
})

test('the lock of a dead process is taken over', async () => {
  const path = join(directory, 'lock')
  await writeFile(path, JSON.stringify({ pid: process.pid, startTime: '1' }))
  expect(await withLock(path, silentContext(), async () => 'done')).toBe('done')
})

test('a lock whose holder died before it wrote its name is taken over after 10 seconds', async () => {
  const path = join(directory, 'lock')
  await writeFile(path, '')
  const old = new Date(Date.now() - 11_000)
  await utimes(path, old, old)
  expect(await withLock(path, silentContext(), async () => 'done')).toBe('done')
})

test('the lock is given back when the work fails', async () => {
  const path = join(directory, 'lock')
  await expect(withLock(path, silentContext(), () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  await expect(readFile(path)).rejects.toThrow('ENOENT')
})
