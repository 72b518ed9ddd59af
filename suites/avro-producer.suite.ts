import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runAvroProducer } from '../src/avro-console/producer.ts'
import { type CapturedRun, inputOf, standInRegistry } from '../src/avro-console/stand-in-captured.ts'
import { silentContext } from '../src/base/context.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { captured, found, type Observed, plain, runs } from './avro-producer-captured.ts'
import { type ReadRecord, readEverything } from './kafka-reading.ts'

/*
  Every captured run of the real kafka-avro-console-producer (fixtures/avro-console) against a real broker, and a stand-in registry that answers as
  the captured one did: exit code, stdout, the words on stderr, the requests to the registry, the records as kafkajs reads them. The runs that
  differ on purpose are those of the table in docs/avro-console.md; with --compat strict they do not differ.
*/

const program = fileURLToPath(new URL('../bin/kafka-avro-console-producer', import.meta.url))

/** Runs named in the table of deliberate differences, with what stands there for them. */
const different = new Map(
  readFileSync(new URL('../docs/avro-console.md', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `producer/'))
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`(producer\/[^`]+)`/g)].map(([, name = '']) => [name, line] as const)),
)

let stack: EmbeddedStack
let kafka: Kafka
let bootstrap: string
const directory = mkdtempSync(join(tmpdir(), 'datapipe-producer-'))

const observed = new Map<string, Observed>()
let records: Record<string, ReadRecord[]> = {}

const topicOf = (run: CapturedRun, compat: string) => `${run.name.replaceAll(/[^a-zA-Z0-9]+/g, '-')}-${compat}`
const isMissing = ({ name }: CapturedRun) => name.includes('topic-does-not-exist') || name.includes('bootstrap-down')

beforeAll(async () => {
  stack = await startEmbeddedStack({ components: ['kafka'], context: silentContext() })
  const config = stack.config('file:///unused').kafka
  if (config === undefined) throw new Error('the stack has no kafka')
  bootstrap = config.bootstrapServers.join(',')
  kafka = new Kafka({ brokers: config.bootstrapServers, logLevel: logLevel.NOTHING })
  const planned = [
    ...runs.map((run) => ({ run, compat: 'safe' })),
    ...runs.filter(({ name }) => different.has(name)).map((run) => ({ run, compat: 'strict' })),
  ]
  await createTopics(planned)
  await inLanes(8, planned, async ({ run, compat }) => {
    observed.set(topicOf(run, compat), await produce(run, compat))
  })
  records = await readEverything(
    kafka,
    planned.filter(({ run }) => !isMissing(run)).map(({ run, compat }) => topicOf(run, compat)),
  )
})

afterAll(async () => {
  await stack?.down()
  rmSync(directory, { recursive: true })
})

async function createTopics(planned: { run: CapturedRun; compat: string }[]): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    waitForLeaders: true,
    topics: planned
      .filter(({ run }) => !isMissing(run))
      .map(({ run, compat }) => ({
        topic: topicOf(run, compat),
        numPartitions: run.partitions ?? 1,
        configEntries: Object.entries(run.topicConfig ?? {}).map(([name, value]) => ({ name, value })),
      })),
  })
  await admin.disconnect()
}

async function inLanes<T>(lanes: number, items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items]
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

/** The run's arguments with this run's servers, topic and files. */
function argumentsOf(run: CapturedRun, topic: string, registry: string): string[] {
  const files = join(directory, topic)
  return run.args.map((arg) =>
    arg
      .replaceAll('http://REGISTRY_AUTH', registry)
      .replaceAll('http://alice:alicepw@REGISTRY_AUTH', registry.replace('//', '//alice:alicepw@'))
      .replaceAll('REGISTRY', registry)
      .replaceAll('BOOTSTRAP', bootstrap)
      .replaceAll('TOPIC', topic)
      .replaceAll('DIR/', `${files}-`),
  )
}

async function produce(run: CapturedRun, compat: string): Promise<Observed> {
  const topic = topicOf(run, compat)
  for (const [name, text] of Object.entries(run.files ?? {})) writeFileSync(join(directory, `${topic}-${name}`), text)
  await using registry = await standInRegistry(run, topic)
  const output = { stdout: '', stderr: '' }
  const into = (name: 'stdout' | 'stderr') => ({
    write: (text: string | Uint8Array) => {
      output[name] += String(text)
      return true
    },
  })
  const exitCode = await runAvroProducer(argumentsOf(run, topic, registry.url), {
    stdin: Readable.from([inputOf(run)], { objectMode: false }),
    stdout: into('stdout'),
    stderr: into('stderr'),
    env: compat === 'strict' ? { DATAPIPE_AVRO_COMPAT: 'strict' } : {},
    signal: new AbortController().signal,
  })
  return { exitCode, ...output, requests: registry.requests }
}

test('each run of the table exists', () => {
  expect([...different.keys()].filter((name) => !runs.some((run) => run.name === name))).toEqual([])
  expect(different.size).toBeGreaterThan(3)
})

describe('as captured', () => {
  test.each(runs.filter(({ name }) => !different.has(name)))('$name', (run) => {
    const topic = topicOf(run, 'safe')
    const seen = observed.get(topic)
    if (seen === undefined) throw new Error('never ran')
    expect(found(run, topic, seen, records)).toEqual(captured(run, topic, directory))
  })
})

describe('different on purpose, and as captured with strict', () => {
  test.each(runs.filter(({ name }) => different.has(name)))('$name', (run) => {
    const [safe, strict] = [topicOf(run, 'safe'), topicOf(run, 'strict')]
    const [seen, old] = [observed.get(safe), observed.get(strict)]
    if (seen === undefined || old === undefined) throw new Error('never ran')
    expect(found(run, strict, old, records)).toEqual(captured(run, strict, directory))
    expect({ exitCode: seen.exitCode, stdout: seen.stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(seen.requests).toEqual(captured(run, safe, directory).requests)
    const [, , , words = ''] = different.get(run.name)?.split('|') ?? []
    const quoted = [...words.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text.replaceAll('TOPIC', safe))
    expect(quoted.length).toBeGreaterThan(0)
    for (const text of quoted) expect(seen.stderr).toContain(text)
  })
})

interface Ended {
  exitCode: number | null
  stdout: string
  stderr: string
}

function start(args: string[]) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString('utf8')
  })
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString('utf8')
  })
  const ended = once(child, 'close').then(([code]): Ended => ({ exitCode: code as number | null, ...output }))
  return { child, ended }
}

describe('the command itself', () => {
  test('sends many lines, in order, and ends with 0', async () => {
    const topic = await newTopic('command-many')
    await using registry = await standInRegistry(plain(), topic)
    const { child, ended } = start(argumentsOf(plain(), topic, registry.url))
    child.stdin.end(Array.from({ length: 20_000 }, (_, index) => `{"name":"n${index}","age":${index}}\n`).join(''))
    expect(await ended).toEqual({ exitCode: 0, stdout: '', stderr: '' })
    const values = (await readEverything(kafka, [topic]))[`${topic}/0`] ?? []
    expect(values.map(({ value }) => value)).toEqual(Array.from({ length: 20_000 }, (_, index) => frame(index)))
  })

  test('SIGTERM: what was read is sent, exit code 143', async () => {
    const topic = await newTopic('command-signal')
    await using registry = await standInRegistry(plain(), topic)
    const { child, ended } = start(argumentsOf(plain(), topic, registry.url))
    child.stdin.write('{"name":"n0","age":0}\n{"name":"n1"')
    await expect.poll(() => registry.requests.length, { timeout: 30_000 }).toBe(1)
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ exitCode: 143, stderr: '' })
    expect((await readEverything(kafka, [topic]))[`${topic}/0`]).toMatchObject([{ value: frame(0) }])
  })

  test('a missing option is exit code 1 with the help, --version is 0', async () => {
    const wrong = start(['--topic', 'x'])
    expect(await wrong.ended).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringMatching(/^Missing required option\(s\) \[bootstrap-server\]\nOption {3}/),
    })
    expect(await start(['--version']).ended).toEqual({ exitCode: 0, stdout: '3.6.2\n', stderr: '' })
  })

  test('a record too large to send ends it with 1 and keeps the earlier ones; with strict the later ones are sent and all seems well', async () => {
    const input = `{"name":"n0","age":0}\n{"name":"${'x'.repeat(1_100_000)}","age":1}\n{"name":"n2","age":2}\n`
    for (const [compat, exitCode, arrived] of [
      ['safe', 1, [frame(0)]],
      ['strict', 0, [frame(0), frame(2)]],
    ] as const) {
      const topic = await newTopic(`command-large-${compat}`)
      await using registry = await standInRegistry(plain(), topic)
      const { child, ended } = start([...argumentsOf(plain(), topic, registry.url), '--compat', compat])
      child.stdin.end(input)
      const words = 'RecordTooLargeException: The message is 1100098 bytes when serialized which is larger than 1048576'
      expect(await ended).toMatchObject({ exitCode, stdout: '', stderr: expect.stringContaining(words) })
      expect(((await readEverything(kafka, [topic]))[`${topic}/0`] ?? []).map(({ value }) => value)).toEqual(arrived)
    }
  })

  test('batches that the topic finds too large arrive in parts', async () => {
    const topic = await newTopic('command-halves', { 'max.message.bytes': '1000' })
    await using registry = await standInRegistry(plain(), topic)
    const { child, ended } = start(argumentsOf(plain(), topic, registry.url))
    child.stdin.end(Array.from({ length: 2000 }, (_, index) => `{"name":"n${index}","age":${index}}\n`).join(''))
    expect(await ended).toEqual({ exitCode: 0, stdout: '', stderr: '' })
    const values = (await readEverything(kafka, [topic]))[`${topic}/0`] ?? []
    expect(values.map(({ value }) => value)).toEqual(Array.from({ length: 2000 }, (_, index) => frame(index)))
  })
})

describe('what strict does as the Java tool does', () => {
  /** Runs the tool in this process with lines of 5 kB. */
  async function produceLines(topic: string, count: number, args: string[]) {
    await using registry = await standInRegistry(plain(), topic)
    const said: string[] = []
    const lines = Array.from({ length: count }, (_, index) => `{"name":"${'x'.repeat(5000)}","age":${index}}\n`).join('')
    const started = performance.now()
    const exitCode = await runAvroProducer([...argumentsOf(plain(), topic, registry.url), ...args], {
      stdin: Readable.from([Buffer.from(lines)], { objectMode: false }),
      stdout: { write: () => true },
      stderr: { write: (text: string | Uint8Array) => said.push(String(text)) > 0 },
      env: {},
      signal: new AbortController().signal,
    })
    const milliseconds = performance.now() - started
    const admin = kafka.admin()
    await admin.connect()
    const [end] = await admin.fetchTopicOffsets(topic)
    await admin.disconnect()
    return { exitCode, stderr: said.join(''), arrived: Number(end?.high), milliseconds }
  }

  test('acks=0: a record that the broker refuses is lost without a word', async () => {
    const topic = await newTopic('strict-unheard', { 'max.message.bytes': '1000' })
    const args = ['--request-required-acks', '0', '--compat']
    const refused = { exitCode: 1, stderr: expect.stringContaining('RecordTooLargeException') as string, arrived: 0 }
    expect(await produceLines(topic, 1, [...args, 'safe'])).toMatchObject(refused)
    expect(await produceLines(topic, 1, [...args, 'strict'])).toMatchObject({ exitCode: 0, stderr: '', arrived: 0 })
  })

  test('--sync waits for linger.ms before each record', async () => {
    const topic = await newTopic('strict-sync')
    const { milliseconds, ...outcome } = await produceLines(topic, 3, ['--sync', '--timeout', '700', '--compat', 'strict'])
    expect(outcome).toEqual({ exitCode: 0, stderr: '', arrived: 3 })
    expect(milliseconds).toBeGreaterThan(2100)
  })
})

async function newTopic(topic: string, configs: Record<string, string> = {}): Promise<string> {
  const admin = kafka.admin()
  await admin.connect()
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1, configEntries }] })
  await admin.disconnect()
  return topic
}

/** `{"name":"n<index>","age":<index>}` with schema id 1. */
function frame(index: number): string {
  const zigzag: number[] = []
  for (let raw = index * 2; ; raw >>= 7) {
    zigzag.push(raw > 0x7f ? (raw & 0x7f) | 0x80 : raw)
    if (raw <= 0x7f) break
  }
  const name = Buffer.from(`n${index}`)
  return Buffer.concat([Buffer.from([0, 0, 0, 0, 1, name.length * 2]), name, Buffer.from(zigzag)]).toString('hex')
}
