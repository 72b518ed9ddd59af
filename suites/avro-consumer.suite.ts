import { spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silentContext } from '../src/base/context.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { connectKafka } from '../src/clients/kafka/kafka-client.ts'
import { deleteRecords } from '../src/clients/kafka/topic-admin.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { capturedStdout, capturedWords, steady } from './avro-console-captured.ts'
import { type ConsumerCase, standInRegistry } from './avro-console-cases.ts'
import { differences } from './avro-console-differences.ts'
import { consume, type Outcome, runCase } from './avro-console-run.ts'
import { cases, fillTopics, short, together, topicOf } from './avro-console-topics.ts'

let stack: EmbeddedStack
let bootstrap: string
let directory: string

const outcomes = { safe: new Map<string, Outcome>(), strict: new Map<string, Outcome>() }

beforeAll(async () => {
  const context = silentContext()
  stack = await startEmbeddedStack({ components: ['kafka'], context })
  const config = stack.config('file:///unused').kafka
  if (config === undefined) throw new Error('the stack has no kafka')
  bootstrap = config.bootstrapServers[0] ?? ''
  directory = await mkdtemp(join(tmpdir(), 'datapipe-avro-'))
  const kafka = new Kafka({ brokers: config.bootstrapServers, logLevel: logLevel.NOTHING })
  await fillTopics(config, kafka)
  // The first group of a cluster waits until its offsets topic is made: not part of any case.
  const topic = `case-plain-value`
  const warmUp = ['--bootstrap-server', bootstrap, '--topic', topic, '--from-beginning', '--group', 'warm-up', '--max-messages', '1']
  await consume([...warmUp, '--formatter', 'kafka.tools.DefaultMessageFormatter'], 'safe', AbortSignal.timeout(60_000))
  const waits = ({ args }: ConsumerCase) => args.includes('--timeout-ms')
  const pending = cases.flatMap((run) => (['safe', 'strict'] as const).map((compat) => ({ run, compat })))
  const runAll = (lanes: number, some: typeof pending) =>
    together(lanes, async () => {
      for (let next = some.shift(); next !== undefined; next = some.shift()) {
        outcomes[next.compat].set(next.run.name, await runCase(next.run, next.compat, { bootstrap, directory }))
      }
    })
  await runAll(
    16,
    pending.filter(({ run, compat }) => compat === 'safe' || !waits(run)),
  )
  // All at once: each but waits.
  await runAll(
    50,
    pending.filter(({ run, compat }) => compat === 'strict' && waits(run)),
  )
})

afterAll(async () => {
  await stack?.down()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

describe('as the real tool, with --compat strict', () => {
  test.each(cases.map((run) => [short(run.name), run] as const))('%s', (_, run) => {
    const outcome = outcomes.strict.get(run.name)
    expect({ stdout: steady(outcome?.stdout ?? ''), exitCode: outcome?.exitCode }).toEqual({
      stdout: steady(capturedStdout(run)),
      exitCode: run.exitCode,
    })
    expectWordsAndRequests(run, 'strict')
  })
})

function expectWordsAndRequests(run: ConsumerCase, compat: 'safe' | 'strict'): void {
  const outcome = outcomes[compat].get(run.name)
  for (const word of capturedWords(run)) expect(outcome?.stderr).toContain(word.replace('DIR', join(directory, compat, topicOf(run))))
  expect(outcome?.requests).toEqual(run.registryRequests.map((item) => ({ ...item, request: item.request.replaceAll('TOPIC', topicOf(run)) })))
}

describe('as the real tool or safer, by default', () => {
  test.each(cases.map((run) => [short(run.name), run] as const))('%s', (name, run) => {
    const outcome = outcomes.safe.get(run.name)
    const rows = differences.filter((row) => row.cases.includes(name))
    expect(rows.length).toBeLessThan(2)
    const [row] = rows
    const expected = row === undefined ? steady(capturedStdout(run)) : row.stdout(capturedStdout(run))
    expect(steady(outcome?.stdout ?? '')).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected))
    expect(outcome?.exitCode).toBe(row?.exitCode ?? run.exitCode)
    if (row?.says !== undefined) expect(outcome?.stderr).toMatch(row.says)
    else expectWordsAndRequests(run, 'safe')
  })
})

test('every difference is one: the strict answer to its cases is another', () => {
  const names = cases.map(({ name }) => short(name))
  for (const row of differences) {
    for (const name of row.cases) {
      expect(names).toContain(name)
      const [safe, strict] = [outcomes.safe.get(`consumer/${name}`), outcomes.strict.get(`consumer/${name}`)]
      expect([safe?.exitCode, safe?.stdout], `${row.name}: ${name}`).not.toEqual([strict?.exitCode, strict?.stdout])
    }
  }
})

describe('differences that no captured run shows', () => {
  const args = (topic: string, ...more: string[]) => ['--bootstrap-server', bootstrap, '--topic', topic, ...more]
  const raw = ['--formatter', 'kafka.tools.DefaultMessageFormatter', '--timeout-ms', '600']

  test.each([
    ['safe', 'meets the record again', 1],
    ['strict', 'has lost the record', 0],
  ] as const)('%s: a group that failed at a record %s in its next run', async (compat, _, expected) => {
    const run = cases.find(({ name }) => name === 'consumer/skip-error-off')
    if (run === undefined) throw new Error('no such case')
    await using registry = await standInRegistry(run, (text) => text.replaceAll('TOPIC', topicOf(run)))
    const all = args(topicOf(run), '--from-beginning', '--group', `failed-${compat}`, '--property', `schema.registry.url=http://${registry.open}`)
    expect((await consume([...all, '--timeout-ms', '600'], compat)).exitCode).toBe(1)
    expect((await consume([...all, '--timeout-ms', '600'], compat)).exitCode).toBe(expected)
  })

  test('an offset that has been deleted: the oldest record is next, not the end of the log', async () => {
    const config = stack.config('file:///unused').kafka
    if (config === undefined) throw new Error('the stack has no kafka')
    await using client = await connectKafka(config, silentContext())
    const topic = 'case-max-messages-exactly-all-with-timeout'
    await deleteRecords(client, topic, 0, 1n)
    const from = args(topic, '--partition', '0', '--offset', '0', ...raw)
    const [safe, strict] = [await consume(from, 'safe'), await consume(from, 'strict')]
    expect(safe.stdout.split('\n')).toHaveLength(2)
    expect(safe.stderr).toContain('out of range: going on at 1')
    expect([strict.exitCode, strict.stdout]).toEqual([0, ''])
  })
})

test('docs/avro-console.md has a row for each difference', () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/avro-console.md'), 'utf8')
  for (const { name } of differences) expect(page).toContain(`| \`${name}\` |`)
})

describe('as a program', () => {
  const bin = join(import.meta.dirname, '../bin/kafka-avro-console-consumer')

  /** Starts the launcher; `stdout` is a file descriptor or a pipe. */
  function start(args: string[], stdout: number | 'pipe' = 'pipe') {
    const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', stdout, 'pipe'] })
    const texts = { stdout: '', stderr: '' }
    child.stdout?.on('data', (chunk: Buffer) => {
      texts.stdout += chunk.toString('utf8')
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      texts.stderr += chunk.toString('utf8')
    })
    const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
      child.on('close', (code) => resolve({ code, ...texts }))
    })
    return { child, ended, texts }
  }
  const raw = (topic: string) => [
    '--bootstrap-server',
    bootstrap,
    '--topic',
    topic,
    '--from-beginning',
    '--formatter',
    'kafka.tools.DefaultMessageFormatter',
  ]

  test('--version and wrong usage end with 0 and 1', async () => {
    expect(await start(['--version']).ended).toMatchObject({ code: 0, stdout: '3.6.2\n' })
    const { code, stderr } = await start(['--nope']).ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/^nope is not a recognized option\nOption +Description/)
  })

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s ends it with %d, says how many, and leaves the group with its position', async (signal, expected) => {
    const run = start([...raw('case-plain-value'), '--group', `program-${signal}`])
    await waitUntil(() => run.texts.stdout.split('\n').length > 3, { what: 'three records', timeoutMs: 60_000, lastWords: () => run.texts.stderr })
    run.child.kill(signal)
    expect(await run.ended).toMatchObject({ code: expected, stderr: 'Processed a total of 3 messages\n' })
    const again = await start([...raw('case-plain-value'), '--group', `program-${signal}`, '--timeout-ms', '600']).ended
    expect(again).toMatchObject({ code: 0, stdout: '', stderr: 'Processed a total of 0 messages\n' })
  })

  test.each([
    ['safe', 1],
    ['strict', 0],
  ])('a full disk ends it, %s, with %d, and the records of the group are not lost', async (compat, expected) => {
    const group = ['--group', `full-${compat}`]
    const { code, stderr } = await start(
      [...raw('case-plain-value'), ...group, '--max-messages', '3', '--compat', compat],
      openSync('/dev/full', 'w'),
    ).ended
    expect(stderr).toContain('Unable to write to standard out, closing consumer.')
    expect(code).toBe(expected)
    const { stdout } = await start([...raw('case-plain-value'), ...group, '--timeout-ms', '600']).ended
    expect(stdout.length > 0).toBe(compat === 'safe')
  })

  test('a reader that has gone ends it with 1', async () => {
    const run = start([...raw('case-plain-value')])
    run.child.stdout?.destroy()
    const { code, stderr } = await run.ended
    expect(stderr).toContain('Unable to write to standard out, closing consumer.')
    expect(code).toBe(1)
  })

  test('two members of a group share the partitions, and the one that stays takes over', async () => {
    const topic = 'case-partition-from-beginning'
    const args = [
      '--bootstrap-server',
      bootstrap,
      '--topic',
      topic,
      '--from-beginning',
      '--group',
      'shared',
      '--formatter',
      'kafka.tools.DefaultMessageFormatter',
    ]
    const timing = ['--consumer-property', 'heartbeat.interval.ms=300', '--consumer-property', 'session.timeout.ms=6000']
    const first = start([...args, ...timing, '--timeout-ms', '4000'])
    const second = start([...args, ...timing, '--timeout-ms', '4000'])
    const runs = await Promise.all([first.ended, second.ended])
    const lines = runs.flatMap(({ stdout }) => stdout.split('\0\0\0\0').filter((text) => text !== ''))
    expect(runs.map(({ code }) => code)).toEqual([0, 0])
    expect(lines.length).toBe(6)
  })
})
