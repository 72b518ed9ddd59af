import { spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runAvroConsumer } from '../src/avro-console/consumer.ts'
import { silentContext } from '../src/base/context.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { buildBatch } from '../src/clients/kafka/build-batch.ts'
import type { Codec } from '../src/clients/kafka/compression.ts'
import { throwOnError } from '../src/clients/kafka/failure.ts'
import { connectKafka, type KafkaClient } from '../src/clients/kafka/kafka-client.ts'
import { produceRaw } from '../src/clients/kafka/produce-raw.ts'
import { deleteRecords } from '../src/clients/kafka/topic-admin.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { type ConsumerCase, consumerCases, type SeenRequest, standInRegistry } from './avro-console-cases.ts'
import { differences } from './avro-console-differences.ts'

/** Captured runs that are compared in another way, or not at all, each for its reason. */
const otherwise: Record<string, string> = {
  'consumer/type/double-jdk25': 'doubles are printed as JDK 17 does; JDK 19 and later print other digits',
}
/** Runs with the registry's own log4j.properties: log lines precede and interrupt the records on stdout. Never here, not even with strict. */
const withLogLines = /^consumer\/stock-log4j/

const cases = consumerCases().filter(({ name }) => otherwise[name] === undefined)
const short = (name: string) => name.replace(/^consumer\//, '')
/** Milliseconds for cases that only wait for their `--timeout-ms 3000`: the time counts from the brokers' first answer, which brings the records. */
const patience = '600'

let stack: EmbeddedStack
let bootstrap: string
let directory: string

interface Outcome {
  exitCode: number
  stdout: string
  stderr: string
  requests: SeenRequest[]
}
const outcomes = { safe: new Map<string, Outcome>(), strict: new Map<string, Outcome>() }

beforeAll(async () => {
  const context = silentContext()
  stack = await startEmbeddedStack({ components: ['kafka'], context })
  const config = stack.config('file:///unused').kafka
  if (config === undefined) throw new Error('the stack has no kafka')
  bootstrap = config.bootstrapServers[0] ?? ''
  directory = await mkdtemp(join(tmpdir(), 'datapipe-avro-'))
  const kafka = new Kafka({ brokers: config.bootstrapServers, logLevel: logLevel.NOTHING })
  await createTopics(kafka)
  await using client = await connectKafka(config, context)
  const unfilled = [...cases]
  await together(8, async () => {
    for (let run = unfilled.shift(); run !== undefined; run = unfilled.shift()) await fill(client, kafka, run)
  })
  // The first group of a cluster waits until its offsets topic is made: not part of any case.
  const topic = `case-plain-value`
  const warmUp = ['--bootstrap-server', bootstrap, '--topic', topic, '--from-beginning', '--group', 'warm-up', '--max-messages', '1']
  await consume([...warmUp, '--formatter', 'kafka.tools.DefaultMessageFormatter'], 'safe', AbortSignal.timeout(60_000))
  const pending = cases.flatMap((run) => (['safe', 'strict'] as const).map((compat) => ({ run, compat })))
  await together(16, async () => {
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      outcomes[next.compat].set(next.run.name, await runCase(next.run, next.compat))
    }
  })
})

afterAll(async () => {
  await stack?.down()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

/** Cases mostly wait, so many run at once. */
const together = (workers: number, work: () => Promise<void>) => Promise.all(Array.from({ length: workers }, work))

const topicOf = (run: ConsumerCase) => `case-${short(run.name).replaceAll(/[^A-Za-z0-9._-]/g, '-')}`

async function createTopics(kafka: Kafka): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    topics: cases
      .filter(({ name }) => name !== 'consumer/topic-does-not-exist')
      .map((run) => ({
        topic: topicOf(run),
        numPartitions: run.partitions ?? 1,
        // Records of 2023 are older than any retention.
        configEntries: Object.entries({ 'retention.ms': '-1', ...run.topicConfig }).map(([name, value]) => ({ name, value })),
      })),
  })
  await admin.disconnect()
}

/** Writes the case's records with their timestamps, headers and offsets; those of the isolation cases by transactions, the middle one aborted. */
async function fill(client: KafkaClient, kafka: Kafka, run: ConsumerCase): Promise<void> {
  const topic = topicOf(run)
  if (run.records.some(({ offset }, index) => offset === 2 && index === 1)) {
    const producer = kafka.producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true })
    await producer.connect()
    for (const [index, record] of run.records.entries()) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value: bytesOf(record.valueHex) }] })
      await (index === 1 ? transaction.abort() : transaction.commit())
    }
    await producer.disconnect()
    return
  }
  for (const partition of new Set(run.records.map((record) => record.partition))) {
    const records = run.records
      .filter((record) => record.partition === partition)
      .map(({ offset, timestamp, keyHex, valueHex, headers }) => ({
        offset: BigInt(offset),
        timestamp: BigInt(timestamp),
        key: bytesOf(keyHex),
        value: bytesOf(valueHex),
        headers: headers.map(([key, value]) => ({ key: Buffer.from(key, 'utf8'), value: bytesOf(value) })),
      }))
    const codec = (/compressed-(\w+)-batch/.exec(run.name)?.[1] ?? 'none') as Codec
    const batch = [buildBatch({ baseOffset: 0n, records, codec })]
    await client.retrying(
      async () => {
        const answer = await produceRaw(client, await client.leaderOf(topic, partition), 'main', { topic, partition, batch })
        throwOnError(answer.errorCode, `fill ${topic}`, answer.errorMessage)
        expect(answer.baseOffset, run.name).toBe(0n)
      },
      { onRetry: () => client.forgetLeaders(topic) },
    )
  }
}

const bytesOf = (hex: string | null) => (hex === null ? null : Buffer.from(hex, 'hex'))

async function runCase(run: ConsumerCase, compat: 'safe' | 'strict'): Promise<Outcome> {
  const own = join(directory, compat, topicOf(run))
  let registry: Awaited<ReturnType<typeof standInRegistry>> | undefined
  const fillIn = (text: string): string =>
    text
      .replaceAll('REGISTRY_AUTH', registry?.guarded ?? '')
      .replaceAll(/REG(ISTRY_)?HOSTPORT/g, registry?.open ?? '')
      .replaceAll('REGISTRY', `http://${registry?.open}`)
      .replaceAll('BOOTSTRAP', bootstrap)
      .replaceAll('TOPIC', topicOf(run))
      .replaceAll('GROUP', `${topicOf(run)}-${compat}`)
      .replaceAll('DIR', own)
  await using standIn = await standInRegistry(run, (text) => text.replaceAll('TOPIC', topicOf(run)))
  registry = standIn
  if (run.files !== undefined) {
    const { mkdir } = await import('node:fs/promises')
    await mkdir(own, { recursive: true })
    for (const [name, text] of Object.entries(run.files)) await writeFile(join(own, name), fillIn(text))
  }
  for (const args of run.preRunArgs ?? []) await consume(args.map(fillIn), compat)
  registry.requests.length = 0
  const outcome = await consume(run.args.map(fillIn), compat)
  return { ...outcome, requests: [...standIn.requests] }
}

/** A run that does not end by itself is ended after this many milliseconds, and its exit code says so. */
const hangsAfter = 20_000

async function consume(args: string[], compat: 'safe' | 'strict', signal = AbortSignal.timeout(hangsAfter)): Promise<Omit<Outcome, 'requests'>> {
  const shorter = args.map((word, index) => (args[index - 1] === '--timeout-ms' && word === '3000' ? patience : word))
  // Dead registries are asked four times with pauses of up to 7 s in all: the pauses are shortened, not the questions.
  const dead = /127\.0\.0\.1:1$|no-such-host|localhost:8081/.test(shorter.join('\n')) || shorter.includes('--formatter-config')
  if (dead) shorter.push('--property', 'retries.wait.ms=20')
  const [stdout, stderr] = [collector(), collector()]
  const exitCode = await runAvroConsumer(shorter, {
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: compat === 'strict' ? { DATAPIPE_AVRO_COMPAT: 'strict' } : {},
    signal,
  })
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() }
}

function collector() {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      chunks.push(Buffer.from(chunk))
      done()
    },
  })
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') }
}

/** What does not depend on the run: append times, and Java's identity of an array. */
const steady = (text: string) => text.replaceAll(/LogAppendTime:\d+/g, 'LogAppendTime:T').replaceAll(/^\[B@[0-9a-f]+/gm, '[B@HASH')

function capturedStdout(run: ConsumerCase): string {
  const text = run.stdout.replaceAll('TOPIC', topicOf(run))
  if (!withLogLines.test(run.name)) return text
  // Records start at the beginning of a line, or behind the log entry that interrupts them.
  return (text.match(/^(Offset:\d+\t\{.*\n|Offset:\d+\t(?=\[)|\{.*\}\n)/gm) ?? []).join('')
}

/** Lines of stderr and of the log that people look for: usage errors, exceptions by class and first words. */
function capturedWords(run: ConsumerCase): string[] {
  const words: string[] = run.stderrFirstLines.filter((line) => !/^\s|^WARNING|^Option |^---|^--/.test(line) && line !== '')
  for (const entry of run.log4j) {
    if (!entry.startsWith('ERROR') || entry.includes('TimeoutException') || entry.includes('CachedSchemaRegistryClient')) continue
    const [heading = '', ...chain] = entry.split('\n')
    words.push(heading.replace(/ *\(kafka\.tools.*$/, ''))
    for (const line of chain) words.push(/^(Caused by: )?[\w.$]+/.exec(line)?.[0] ?? line)
  }
  return words.map((word) => word.replaceAll('TOPIC', topicOf(run)))
}

describe('as the real tool, with --compat strict', () => {
  test.each(cases.map((run) => [short(run.name), run] as const))('%s', (_, run) => {
    const outcome = outcomes.strict.get(run.name)
    expect({ stdout: steady(outcome?.stdout ?? ''), exitCode: outcome?.exitCode }).toEqual({
      stdout: steady(capturedStdout(run)),
      exitCode: run.exitCode,
    })
    for (const word of capturedWords(run)) expect(outcome?.stderr).toContain(word.replace('DIR', join(directory, 'strict', topicOf(run))))
    expect(outcome?.requests).toEqual(expectedRequests(run))
  })
})

function expectedRequests(run: ConsumerCase): SeenRequest[] {
  return run.registryRequests.map((item) => ({ ...item, request: item.request.replaceAll('TOPIC', topicOf(run)) }))
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
