import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DatapipeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import { controlMount, makeControl } from './engine-control.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-control-'))
})
afterEach(() => rm(directory, { recursive: true }))

/** Types what the engine's startCommand types, with the directory where it is on this machine. */
async function ask(component: string): Promise<void> {
  const script = join(directory, 'ask.sh')
  await writeFile(script, (await readFile(join(directory, 'start.sh'), 'utf8')).replace(controlMount, directory))
  await promisify(execFile)('sh', [script, component])
}

test('a server that is asked for is started once, and the one who asked goes on when it serves; twice is two starts', async () => {
  const started: ComponentName[] = []
  await using control = await makeControl(directory, async (component) => {
    await new Promise((resolve) => setTimeout(resolve, 250))
    started.push(component)
  })
  await Promise.all([ask('postgres'), ask('connect')])
  expect(started.sort()).toEqual(['connect', 'postgres'])
  await ask('postgres')
  expect(started).toHaveLength(3)
  expect(() => control.throwFault()).not.toThrow()
})

test('a start that fails ends the one who asked with the reason, and is told here as the error that it was', async () => {
  await using control = await makeControl(directory, () => Promise.reject(new DatapipeError('stack-failed', 'postgres ended while it started')))
  await expect(ask('postgres')).rejects.toThrow(/postgres ended while it started/)
  expect(() => control.throwFault()).toThrow(DatapipeError)
  expect(() => control.throwFault()).not.toThrow()
})
