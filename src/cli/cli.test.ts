import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { DatapipeError } from '../base/errors.ts'
import { localStorage } from '../storage/local.ts'
import { failureEvent, namingConfig } from './failure-event.ts'
import { commandTable } from './options.ts'
import { runCli } from './run-cli.ts'
import { commands } from './run-command.ts'
import { inDirectory, runForTest } from './test-cli.ts'

const root = join(import.meta.dirname, '..', '..')

describe('usage errors end with 64 and say what to type', () => {
  test.each([
    [['verfy'], "unknown command 'verfy'", 'did you mean verify?'],
    [['verify', '--al'], "unknown option '--al'", 'did you mean --all?'],
    [['show'], "missing required argument 'BACKUP'", 'datapipe show BACKUP [OPTIONS]: `datapipe show --help` explains it'],
    [['show', 'a', 'b'], /^too many arguments for 'show'/, 'datapipe show BACKUP [OPTIONS]: `datapipe show --help` explains it'],
    [['--config', 'x.yaml', 'diff', 'live'], "missing required argument 'B'", 'datapipe diff A B [OPTIONS]: `datapipe diff --help` explains it'],
    [['list', '--config'], "option '--config <FILE>' argument missing", 'datapipe list [OPTIONS]: `datapipe list --help` explains it'],
    [['drill', '--rows', '0'], /'--rows <N>' argument '0' is invalid. It must be a positive whole number$/, /^datapipe drill \[OPTIONS\]/],
    [
      ['restore', 'x', '--registry-route', 'magic'],
      /Allowed choices are auto, native, rest-import, raw-topic$/,
      /^datapipe restore \[BACKUP\] \[OPTIONS\]/,
    ],
    [['stack', 'start', 'zookeeper'], /Allowed choices are postgres, kafka, registry, connect$/, /^datapipe stack start \S+ \[OPTIONS\]/],
    [['export', 'latest', '--output', 'x'], "required option '--topic <GLOB...>' not specified", /^datapipe export BACKUP/],
    [['drill', '--route', 'original', '--keep'], /^--route original knows no option of the drill but/, 'docs/original-route.md'],
    [['stack'], 'no command of stack', 'run `datapipe stack --help`'],
    [[], 'no command', undefined],
  ])('%j', async (argv, message, hint) => {
    const { exitCode, stdout } = await runForTest(['--json', ...argv])
    expect(exitCode).toBe(64)
    const event = JSON.parse(stdout)
    expect(event).toMatchObject({ type: 'error', code: 'usage', exitCode: 64 })
    expect(event.hint).toMatch(hint ?? 'run `datapipe --help`')
    expect(event.message).toMatch(message)
  })

  test('for people: one clear error on stderr, nothing on stdout', async () => {
    const { stdout, stderr } = await runForTest(['verify', '--al'])
    expect(stdout).toBe('')
    expect(stderr).toBe("error: unknown option '--al'\n  hint: did you mean --all?\n")
  })
})

test('help and version come on stdout with 0, before and after the command', async () => {
  expect(await runForTest(['--version'])).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' })
  const { exitCode, stdout } = await runForTest(['--help'])
  expect(exitCode).toBe(0)
  for (const { name } of commandTable) expect(stdout).toContain(name.split(' ')[0])
  expect((await runForTest(['verify', '--help'])).stdout).toContain('datapipe verify --all --json')
  expect((await runForTest(['help', 'stack', 'up'])).stdout).toContain('Usage: datapipe stack up')
  expect(await runForTest(['help', 'nonsense'])).toMatchObject({ exitCode: 64, stdout: '' })
})

test('every command of the table is wired, and nothing else is', () => {
  expect(Object.keys(commands).sort()).toEqual(commandTable.map(({ name }) => name).sort())
})

test('a configuration key that does not exist: 64, its path, and nothing was touched', async () => {
  await inDirectory(
    { 'datapipe.yaml': 'repository: { url: "file:///nowhere/repository" }\nkafka: { bootstrapServers: ["k:1"], topcis: {} }\n' },
    async (directory) => {
      const { exitCode, stderr } = await runForTest(['backup', '--config', `${directory}/datapipe.yaml`])
      expect(exitCode).toBe(64)
      expect(stderr).toBe(
        `error: kafka.topcis: unknown key, did you mean topics?\n  at: ${directory}/datapipe.yaml: kafka.topcis\n  hint: did you mean topics?\n`,
      )
      expect(existsSync('/nowhere')).toBe(false)
    },
  )
})

test('hint and path of an error name the configuration that was given', async () => {
  const yaml = 'repository: { url: "file:///nowhere" }\npostgres: { url: "postgres://a:b@127.0.0.1:1/x" }\n'
  await inDirectory({ 'other.yaml': yaml }, async (directory) => {
    const file = `${directory}/other.yaml`
    const { exitCode, stderr } = await runForTest(['import', '--config', file, `${directory}/nothing.jsonl`, '--topic', 't'])
    expect(exitCode).toBe(64)
    expect(stderr).toContain(`  at: ${file}: kafka\n`)
  })
  const event = {
    type: 'error',
    code: 'x',
    exitCode: 1,
    message: 'datapipe.yaml',
    path: 'datapipe.yaml: a',
    hint: 'docs/datapipe-yaml.md, datapipe.yaml',
  } as const
  expect(namingConfig(event, '/etc/$&.yaml')).toEqual({ ...event, path: '/etc/$&.yaml: a', hint: 'docs/datapipe-yaml.md, /etc/$&.yaml' })
})

test('a password that comes back in an error is not shown, in any form of output', async () => {
  const url = 'file:///tmp/s3cret-word/is-not-there'
  const yaml = `repository: { url: "${url}" }\nregistry: { url: "http://r", username: u, password: "s3cret-word" }\n`
  await inDirectory({ 'datapipe.yaml': yaml }, async (directory) => {
    for (const flags of [[], ['--json'], ['--quiet']]) {
      const { exitCode, all } = await runForTest([...flags, 'list', '--config', `${directory}/datapipe.yaml`])
      expect(exitCode).toBe(35)
      expect(all).toContain('no datapipe repository at file:///tmp/***/is-not-there')
      expect(all).not.toContain('s3cret')
    }
  })
})

test('an exception that nobody expected: 70 with its stack', async () => {
  const broken = { write: () => {} }
  const lines: string[] = []
  const env = new Proxy({}, { get: (_target, key) => (key === 'TERM' || key === 'NO_COLOR' ? undefined : expect.fail('bang')), has: () => true })
  const exitCode = await inDirectory({ 'datapipe.yaml': `repository: { url: "file://\${X}" }` }, (directory) =>
    runCli({
      argv: ['list', '--config', `${directory}/datapipe.yaml`],
      env,
      stdout: broken,
      stderr: { write: (text) => void lines.push(text) },
      signal: new AbortController().signal,
    }),
  )
  expect(exitCode).toBe(70)
  expect(lines.join('')).toMatch(/^error: unexpected: .*bang\n[\s\S]*cli\.test\.ts/)
})

test('an interrupted command ends with 130', async () => {
  await inDirectory({}, async (directory) => {
    await localStorage(`${directory}/r`).put('datapipe.json', [Buffer.from('{"kind":"datapipe-repository","format":1}')])
    await localStorage(`${directory}/r`).put('backups/20261125T030000Z-0001/kafka/x', [])
    await inDirectory({ 'datapipe.yaml': `repository: { url: "file://${directory}/r" }` }, async (other) => {
      const { exitCode, stderr } = await runForTest(['list', '--config', `${other}/datapipe.yaml`], { signal: AbortSignal.abort() })
      expect([exitCode, stderr]).toEqual([130, expect.stringMatching(/^error: interrupted/)])
    })
  })
})

test('what fails because of Ctrl-C counts as interrupted, whatever it says', () => {
  const failed = new DatapipeError('tool-failed', 'pg_basebackup ended with 1')
  expect(failureEvent(failed, AbortSignal.abort())).toMatchObject({
    code: 'interrupted',
    exitCode: 130,
    message: 'interrupted: pg_basebackup ended with 1',
  })
  expect(failureEvent(failed, new AbortController().signal)).toMatchObject({ code: 'tool-failed', exitCode: 52 })
})

describe('as a process', () => {
  test('the launcher hands arguments, output and exit code over, whatever Node runs it', () => {
    const old = ['/usr/bin/node', '/usr/local/bin/node'].filter(existsSync)
    for (const node of [process.execPath, ...old]) {
      const help = spawnSync(node, ['bin/datapipe.js', '--version'], { cwd: root, encoding: 'utf8' })
      expect([help.status, help.stdout, help.stderr]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/), ''])
      expect(spawnSync(node, ['bin/datapipe.js', 'nonsense'], { cwd: root }).status).toBe(64)
    }
  })

  test('one Ctrl-C asks the command to stop, also when it arrives twice at once; a second one ends it at once', async () => {
    // A command that cannot notice: its configuration comes from a pipe that never ends, and a thread hangs in the read.
    await inDirectory({}, async (directory) => {
      spawnSync('mkfifo', [`${directory}/pipe.yaml`])
      const child = spawn(process.execPath, [join(root, 'src/cli/main.ts'), 'list', '--config', `${directory}/pipe.yaml`], {
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const exited = once(child, 'exit')
      const writer = spawn('sh', ['-c', `exec 3>${directory}/pipe.yaml; echo opened; sleep 60`], { stdio: ['ignore', 'pipe', 'ignore'] })
      try {
        await once(writer.stdout, 'data')
        child.kill('SIGINT')
        await sleep(50)
        child.kill('SIGINT')
        await sleep(600)
        expect([child.exitCode, child.signalCode]).toEqual([null, null])
        child.kill('SIGINT')
        expect(await exited).toEqual([null, 'SIGINT'])
      } finally {
        writer.kill('SIGKILL')
        child.kill('SIGKILL')
      }
    })
  })

  test('a reader that goes away ends it quietly', () => {
    const run = spawnSync('sh', ['-c', `"${process.execPath}" src/cli/main.ts --help | true; echo done`], { cwd: root, encoding: 'utf8' })
    expect([run.stdout, run.stderr]).toEqual(['done\n', ''])
  })
})
