import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'
import { silentContext } from '../src/base/context.ts'
import { startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { type AvroResults, renderAvroResults } from './avro-report.ts'
import { measuredRun } from './measured-run.ts'
import { describeMachine } from './report.ts'
import type { Series } from './run-bench.ts'

const usage = `Usage: npm run bench:avro -- [options]

Measures kafka-avro-console-consumer and -producer, on a broker and a registry of its own.

  --records N     records that are read and written (default 100000)
  --rounds N      times that each runs (default 3)
  --peer DIR      a directory with Confluent's two scripts, to compare with
  --results PATH  avro-console.md and .json go into this directory (default bench; none: nowhere)
`

const schema = '{"type":"record","name":"User","namespace":"com.ex","fields":[{"name":"name","type":"string"},{"name":"age","type":"int"}]}'

const text = { type: 'string' } as const
const { values } = parseArgs({ options: { records: text, rounds: text, peer: text, results: text, help: { type: 'boolean' } } })
if (values.help) process.stdout.write(usage)
else await main(Number(values.records ?? '100000'), Number(values.rounds ?? '3'), values.peer, values.results ?? 'bench')

async function main(records: number, rounds: number, peer: string | undefined, results: string): Promise<void> {
  if (!(records >= 1 && rounds >= 1)) throw new TypeError('--records and --rounds are whole numbers above 0')
  const interrupt = new AbortController()
  process.once('SIGINT', () => interrupt.abort())
  const context = silentContext({ signal: interrupt.signal })
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-bench-avro-'))
  try {
    await using stack = await startEmbeddedStack({ components: ['kafka'], steady: true, context })
    await using registry = await standInRegistry()
    const servers = { bootstrap: stack.config('file:///nowhere').kafka?.bootstrapServers[0] ?? '', registry: registry.url }
    await writeFile(join(directory, 'lines'), Array.from({ length: records }, (_, index) => `{"name":"n${index}","age":${index}}\n`).join(''))
    const measured = await measureAll({ servers, records, rounds, directory, peer, signal: context.signal })
    const found: AvroResults = {
      takenAt: context.now().toISOString(),
      records,
      rounds,
      machine: describeMachine(),
      versions: { node: process.version, kafka: (await stack.versions()).kafka ?? 'unknown', peer: peer ?? 'not run' },
      series: measured,
    }
    const page = renderAvroResults(found)
    process.stdout.write(page)
    if (results === 'none') return
    await writeFile(join(results, 'avro-console.md'), page)
    await writeFile(join(results, 'avro-console.json'), `${JSON.stringify(found, null, 2)}\n`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

interface Measuring {
  servers: { bootstrap: string; registry: string }
  records: number
  rounds: number
  directory: string
  peer: string | undefined
  signal: AbortSignal
}

/** Both tools, ours and the peer's in turn: how long a start takes, one record, and all of them. What was read and written is counted. */
async function measureAll({ servers, records, rounds, directory, peer, signal }: Measuring): Promise<Series[]> {
  const kafka = new Kafka({ brokers: [servers.bootstrap], logLevel: logLevel.NOTHING })
  await using admin = Object.assign(kafka.admin(), { [Symbol.asyncDispose]: async () => admin.disconnect() })
  await admin.connect()
  const common = (topic: string) => [
    '--bootstrap-server',
    servers.bootstrap,
    '--topic',
    topic,
    '--property',
    `schema.registry.url=${servers.registry}`,
  ]
  const consume = (program: string, most: number) => [program, ...common('bench-avro'), '--from-beginning', '--max-messages', String(most)]
  const series: Series[] = []
  const tools = { datapipe: fileURLToPath(new URL('../bin/', import.meta.url)), java: peer }
  let topics = 0
  for (const [contender, place] of Object.entries(tools)) {
    const [consumer, producer] = [join(place ?? '', 'kafka-avro-console-consumer'), join(place ?? '', 'kafka-avro-console-producer')]
    const work: [task: string, run: () => Promise<Series['runs'][number]>][] = [
      ['producer: all records', () => produce(producer)],
      ['consumer: --version', () => measuredRun({ command: [consumer, '--version'], directory, signal })],
      ['consumer: one record', () => measuredRun({ command: consume(consumer, 1), directory, signal })],
      ['consumer: all records', () => read(consumer)],
    ]
    for (const [task, run] of work) {
      const own: Series = { contender: `${contender}: ${task}`, task: 'read', runs: [] }
      series.push(own)
      if (place === undefined) own.notRun = 'no --peer'
      for (let round = 0; place !== undefined && round < rounds; round++) own.runs.push(await run())
    }
  }
  return series

  /** Into a topic of its own each time; the first one is what is read. */
  async function produce(program: string) {
    const topic = topics++ === 0 ? 'bench-avro' : `bench-avro-${topics}`
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1 }] })
    const args = [program, ...common(topic), '--property', `value.schema=${schema}`]
    // The shell becomes the tool: its figures are the tool's.
    const command = ['sh', '-c', 'lines=$1; shift; exec "$@" <"$lines"', 'sh', join(directory, 'lines'), ...args]
    const cost = await measuredRun({ command, directory, signal })
    const [end] = await admin.fetchTopicOffsets(topic)
    if (Number(end?.high) !== records) throw new Error(`${program} wrote ${end?.high} of ${records} records`)
    return cost
  }

  async function read(program: string) {
    const output = join(directory, 'read')
    const cost = await measuredRun({ command: consume(program, records), output, directory, signal })
    const lines = (await readFile(output, 'utf8')).split('\n').length - 1
    if (lines !== records) throw new Error(`${program} read ${lines} of ${records} records`)
    return cost
  }
}

/** Knows one schema, id 1. */
async function standInRegistry() {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const answer = request.method === 'GET' ? { schema } : { id: 1 }
      response.writeHead(200, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
