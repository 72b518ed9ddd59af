import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentContext } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { processesOfRun } from './run-processes.ts'
import type { Run } from './run.ts'
import { newRunId } from './run-directory.ts'
import { endProcess, recordedProcess, type ServerCommand, startServer } from './server-process.ts'

let run: Run
const realTmpdir = process.env.TMPDIR
beforeEach(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-server-'))
  const ports = { postgres: 1, kafka: 2, kafkaController: 3, registry: 4, registryManagement: 5, connect: 6 }
  const state = { format: 1 as const, id: newRunId(), host: '', createdAt: '', owner: null, components: [], programs: {}, versions: {}, ports }
  run = { directory, context: silentContext(), state }
  process.env.TMPDIR = directory
})
afterEach(async () => {
  if (realTmpdir === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = realTmpdir
  await rm(run.directory, { recursive: true })
})

function command(script: string, rest: Partial<ServerCommand> = {}): ServerCommand {
  return { component: 'kafka', program: 'sh', args: ['-c', script], cwd: run.directory, timeoutMs: 500, answers: async () => false, ...rest }
}

test('a server that ends while it starts is an error with its last words', async () => {
  await expect(startServer(run, command('echo cannot bind port; exit 1'))).rejects.toMatchObject({
    code: 'stack-failed',
    message: expect.stringContaining('cannot bind port'),
  })
})

test('the log of a failed start outlives the directory of the run', async () => {
  const failure = await startServer(run, command('echo cannot bind port; exit 1')).catch((error: unknown) => error)
  if (!(failure instanceof DatapipeError) || failure.path === undefined) throw new Error('no path')
  expect(failure.path.startsWith(join(run.directory, 'logs'))).toBe(false)
  expect(await readFile(failure.path, 'utf8')).toBe('cannot bind port\n')
})

test('a server that never answers is an error with its last words, and does not run on', async () => {
  await expect(startServer(run, command('echo waiting for a quorum; sleep 60'))).rejects.toMatchObject({
    code: 'stack-failed',
    message: expect.stringContaining('waiting for a quorum'),
  })
  expect(recordedProcess(run.directory, 'kafka')).toBeUndefined()
})

test('a program that is not there is an error', async () => {
  await expect(startServer(run, command('', { program: '/nowhere/java' }))).rejects.toMatchObject({ code: 'stack-failed' })
})

test('a server runs in a session of its own, is found by its run, and is killed when it ignores SIGTERM', async () => {
  await startServer(run, command("trap '' TERM; while :; do sleep 0.1; done", { answers: async () => true }))
  const server = recordedProcess(run.directory, 'kafka')
  if (server === undefined) throw new Error('not recorded')
  expect(processesOfRun(run.state.id, run.directory).map((each) => each.pid)).toContain(server.pid)
  await endProcess(server, [
    { signal: 'SIGTERM', waitMs: 200 },
    { signal: 'SIGKILL', waitMs: 10_000 },
  ])
  expect(recordedProcess(run.directory, 'kafka')).toBeUndefined()
})

test('does not wait for a server any longer once interrupted', async () => {
  const interrupted = { ...run, context: silentContext({ signal: AbortSignal.timeout(100) }) }
  await expect(startServer(interrupted, command('sleep 60', { timeoutMs: 60_000 }))).rejects.toMatchObject({ code: 'interrupted' })
  expect(recordedProcess(run.directory, 'kafka')).toBeUndefined()
})
