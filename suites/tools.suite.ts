import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silentContext } from '../src/base/context.ts'
import type { CheckItem } from '../src/components/component.ts'
import { toolNames } from '../src/components/postgres/tools.ts'
import { findOnPath, findPrograms, minimumJava, minimumPostgres } from '../src/stack/embedded/programs.ts'
import { describeJars, resolveJars } from '../src/stack/embedded/resolve-jars.ts'
import { datapipe, datapipeJson, resultOf, told } from './cli.ts'

/** Every program that Datapipe runs: it is there, it runs, and says its version; and what is said when it is not there. */
const run = promisify(execFile)
let directory: string
let found: Awaited<ReturnType<typeof findPrograms>>

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-tools-'))
  found = await findPrograms()
})

afterAll(() => rm(directory, { recursive: true, force: true }))

async function version(program: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await run(program, args)
  return stdout + stderr
}

describe('programs', () => {
  test.each([...toolNames, 'initdb', 'pg_isready', 'psql'])('%s runs, in one version with the others', async (name) => {
    expect(found.postgres?.version, 'PostgreSQL’s server programs').toMatch(/^\d+/)
    const said = await version(join(found.postgres?.bin ?? '', name), '--version')
    expect(said).toContain(`(PostgreSQL) ${found.postgres?.version}`)
    expect(Number.parseInt(found.postgres?.version ?? '', 10)).toBeGreaterThanOrEqual(minimumPostgres)
  })

  test('java runs, and is new enough for the registry', async () => {
    const said = await version(found.java?.program ?? '', '-version')
    expect(said).toContain(`version "${found.java?.version}"`)
    expect(Number.parseInt(found.java?.version ?? '', 10)).toBeGreaterThanOrEqual(minimumJava)
  })

  test('Maven runs where it is; where it is not, the servers are in the cache already', async () => {
    if (found.maven === undefined) expect(existsSync((await describeJars()).directory)).toBe(true)
    else expect(await version(found.maven, '--version')).toMatch(/Apache Maven \d/)
  })

  test('the servers’ jars are whole: java loads Kafka, which says its version', async () => {
    const java = found.java?.program ?? ''
    const jars = await resolveJars({ context: silentContext(), maven: found.maven, java })
    const said = await version(java, '-cp', join(jars.directory, 'kafka', '*'), 'org.apache.kafka.tools.TopicCommand', '--version')
    expect(said.trim().startsWith(jars.versions.kafka ?? 'no version')).toBe(true)
  })

  test('the launcher answers with the product’s version', async () => {
    const answer = await datapipe(['--version'])
    expect(answer).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^(datapipe )?\d+\.\d+\.\d+\n$/) as string })
  })
})

describe('missing', () => {
  /** An environment in which these are not on PATH, with what a shell and apt need, and a cache that holds nothing. */
  async function without(...names: string[]): Promise<Record<string, string>> {
    const kept = (process.env.PATH ?? '').split(delimiter).filter((entry) => entry !== '' && !names.some((name) => existsSync(join(entry, name))))
    const needed = ['apt-get', 'apt-cache', 'sh', 'mount', 'python3'].flatMap((name) => findOnPath(name) ?? [])
    const links = await mkdtemp(join(directory, 'path-'))
    await Promise.all(needed.map((program) => symlink(program, join(links, basename(program)))))
    return { PATH: [links, ...kept].join(delimiter), XDG_CACHE_HOME: join(directory, 'empty-cache'), DATAPIPE_INSTALL: '' }
  }

  test('without Maven, and with nothing in the cache, no stack: the line that brings it is said before anything is downloaded', async () => {
    const env = await without('mvn')
    const answer = await datapipeJson(['stack', 'up'], { env })
    expect(answer.exitCode, told(answer)).toBe(30)
    expect(answer.error).toMatchObject({ code: 'programs-missing', exitCode: 30 })
    expect(answer.error?.message).toContain('Maven (mvn)')
    expect(existsSync(join(directory, 'empty-cache'))).toBe(false)
    if (findOnPath('apt-get', env) !== undefined) {
      expect(answer.error?.message).toMatch(/apt-get install -y --no-install-recommends .*\bmaven\b/)
    }
  })

  /** As root a mount namespace hides directories from one process; elsewhere these are not run. */
  const hides = process.getuid?.() === 0

  test.skipIf(!hides)('without PostgreSQL, Java and Maven: one error that names all three, and one line', async () => {
    const program = fileURLToPath(new URL('../bin/datapipe.js', import.meta.url))
    const script = 'for d in /usr/lib/postgresql /usr/lib/jvm; do [ ! -d $d ] || mount -t tmpfs none $d || exit 99; done; exec "$@"'
    const env = { ...process.env, ...(await without('java', 'mvn', 'initdb', 'pg_config')), JAVA_HOME: '' }
    const answer = await run(
      '/usr/bin/unshare',
      ['--mount', '/bin/sh', '-c', script, 'sh', process.execPath, program, 'drill', '--reports', directory],
      {
        env,
      },
    ).catch((error: { code: number; stderr: string }) => error)
    expect(answer).toMatchObject({ code: 30 })
    expect(answer.stderr).toMatch(/Java|JDK/)
    expect(answer.stderr).toContain('Maven (mvn)')
    expect(answer.stderr).toContain('PostgreSQL')
    expect(answer.stderr.match(/apt-get install [^\n]*/g)).toEqual([expect.stringMatching(/postgresql-\d+.*maven|maven.*postgresql-\d+/)])
  })

  test('PostgreSQL’s programs that a backup needs are an item of the check, with the package that brings them', async () => {
    const config = join(directory, 'datapipe.yaml')
    const postgres = { url: 'postgres://admin:secret@127.0.0.1:1/app', binDirectory: dirname(config) }
    await writeFile(config, JSON.stringify({ repository: { url: `file://${directory}/repository` }, postgres }))
    const answer = await datapipeJson(['--config', config, 'check'])
    expect(answer.exitCode, told(answer)).toBe(20)
    const { items } = resultOf<{ items: CheckItem[] }>(answer)
    expect(items.find(({ name }) => name === 'PostgreSQL programs')).toMatchObject({
      verdict: 'fail',
      detail: expect.stringContaining('not installed') as string,
      next: expect.stringMatching(/apt-get install postgresql-\d+/) as string,
    })
  })
})
