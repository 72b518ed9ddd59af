import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentContext } from '../../base/context.ts'
import { identifyProcess, type ProcessIdentity } from './process-identity.ts'
import { createRunDirectory, newRunId } from './run-directory.ts'
import type { RunState } from './state.ts'
import { sweep } from './sweep.ts'

const realTmpdir = process.env.TMPDIR
let directory = ''
const servers: ChildProcess[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-sweep-'))
  process.env.TMPDIR = directory
})
afterEach(async () => {
  if (realTmpdir === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = realTmpdir
  for (const server of servers.splice(0)) server.kill('SIGKILL')
  await rm(directory, { recursive: true })
})

const dead: ProcessIdentity = { pid: process.pid, startTime: '1' }

async function run(owner: ProcessIdentity | null, rest: { host?: string; directory?: string } = {}) {
  const state: RunState = {
    format: 1,
    id: newRunId(),
    host: rest.host ?? hostname(),
    createdAt: new Date().toISOString(),
    owner,
    components: ['kafka'],
    programs: {},
    versions: {},
    ports: { postgres: 1, kafka: 2, kafkaController: 3, registry: 4, registryManagement: 5, connect: 6 },
  }
  const path = await createRunDirectory(state, rest.directory)
  const server = spawn('sleep', ['300'], { env: { ...process.env, DATAPIPE_STACK_RUN: state.id } })
  await once(server, 'spawn')
  servers.push(server)
  return { id: state.id, path, lives: () => identifyProcess(server.pid ?? 0) !== undefined }
}

test('a run whose owner is dead loses its servers and its directory', async () => {
  const left = await run(dead)
  expect(await sweep(silentContext())).toEqual([left.id])
  expect(left.lives()).toBe(false)
  expect(existsSync(left.path)).toBe(false)
})

test('a run in a directory of its own choice is found as well', async () => {
  const left = await run(dead, { directory: join(directory, 'elsewhere', 'stack') })
  expect(await sweep(silentContext())).toEqual([left.id])
  expect(left.lives()).toBe(false)
  expect(existsSync(left.path)).toBe(false)
  expect(await sweep(silentContext())).toEqual([])
})

test('a run whose owner lives, one without an owner and one of another machine stay', async () => {
  const runs = [await run(identifyProcess(process.pid) ?? dead), await run(null), await run(dead, { host: 'another-machine' })]
  expect(await sweep(silentContext())).toEqual([])
  for (const each of runs) {
    expect(each.lives()).toBe(true)
    expect(existsSync(each.path)).toBe(true)
  }
})

test('a stack is not started in a directory that holds anything', async () => {
  const first = await run(null)
  await expect(run(null, { directory: first.path })).rejects.toThrow(/must be new or empty/)
  expect(first.lives()).toBe(true)
})

test('what another version has left is not touched, and hinders nobody', async () => {
  const left = await run(dead)
  const foreign = await run(dead)
  await writeFile(join(foreign.path, 'state.json'), '{"format": 2}')
  expect(await sweep(silentContext())).toEqual([left.id])
  expect([left.lives(), foreign.lives()]).toEqual([false, true])
})
