import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentContext } from '../../base/context.ts'
import { classArchiveOptions, keepClassArchive } from './class-archive.ts'
import type { Run } from './run.ts'

const realCache = process.env.XDG_CACHE_HOME
let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'datapipe-class-archive-'))
  process.env.XDG_CACHE_HOME = join(directory, 'cache')
  for (const name of ['jdk/bin', 'jdk/lib', 'run']) mkdirSync(join(directory, name), { recursive: true })
  for (const name of ['jdk/bin/java', 'jdk/lib/modules']) writeFileSync(join(directory, name), name)
})
afterEach(() => {
  if (realCache === undefined) delete process.env.XDG_CACHE_HOME
  else process.env.XDG_CACHE_HOME = realCache
  rmSync(directory, { recursive: true })
})

function run(jars: string): Run {
  const state = { id: 'r1', programs: { java: join(directory, 'jdk/bin/java') }, jars } as unknown as Run['state']
  return { directory: join(directory, 'run'), state, context: silentContext() }
}

test('the first run writes an archive when it ends, the next one starts from it', async () => {
  const [first = ''] = await classArchiveOptions(run('/jars/a'), 'kafka')
  const written = first.replace('-XX:ArchiveClassesAtExit=', '')
  expect(written).toBe(join(directory, 'run', 'kafka.jsa'))
  writeFileSync(written, 'classes')
  await keepClassArchive(run('/jars/a'), 'kafka')
  expect(await classArchiveOptions(run('/jars/a'), 'kafka')).toEqual([
    expect.stringMatching(/^-XX:SharedArchiveFile=.*\/cache\/datapipe\/.*kafka\.jsa$/),
  ])
})

test('other jars, another program and another build of Java do not take it', async () => {
  writeFileSync(join(directory, 'run', 'kafka.jsa'), 'classes')
  await keepClassArchive(run('/jars/a'), 'kafka')
  const writes = [expect.stringContaining('ArchiveClassesAtExit')]
  expect(await classArchiveOptions(run('/jars/b'), 'kafka')).toEqual(writes)
  expect(await classArchiveOptions(run('/jars/a'), 'connect')).toEqual(writes)
  utimesSync(join(directory, 'jdk/lib/modules'), 1, 1)
  expect(await classArchiveOptions(run('/jars/a'), 'kafka')).toEqual(writes)
})

test('a program that was killed and wrote nothing leaves the cache as it is', async () => {
  await keepClassArchive(run('/jars/a'), 'kafka')
  expect(await classArchiveOptions(run('/jars/a'), 'kafka')).toEqual([expect.stringContaining('ArchiveClassesAtExit')])
})
