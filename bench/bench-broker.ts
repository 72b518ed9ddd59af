import { execFile } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { KafkaConfig } from '../src/base/config.ts'
import type { Context } from '../src/base/context.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { connectKafka } from '../src/clients/kafka/kafka-client.ts'
import { listOffsets } from '../src/clients/kafka/list-offsets.ts'
import { createTopic, deleteTopics } from '../src/clients/kafka/topic-admin.ts'
import { openEmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { readState } from '../src/stack/embedded/state.ts'
import type { BenchTopic } from './bench-topics.ts'

const execute = promisify(execFile)

/** The broker that everybody is measured on. */
export interface BenchBroker extends AsyncDisposable {
  config: KafkaConfig
  bootstrap: string
  version: string
  /** A command line that runs one of Kafka's own tools as its distribution's script would. */
  tool(mainClass: string, heapMiB: number, args: string[]): string[]
  /** Fills `topic` up to its number of records with Kafka's own producer; one that has them already stays as it is. */
  fill(topic: BenchTopic): Promise<void>
  drop(topic: string): Promise<void>
  /** Offsets from 0 to the ends of all its partitions; undefined when there is no such topic. */
  recordsIn(topic: string): Promise<number | undefined>
  /** The log segments of a topic, and their bytes. */
  logFiles(topic: string): Promise<{ files: string[]; bytes: number }>
}

/** Starts a broker of our own, or takes the one of a running stack. */
export async function openBenchBroker(directory: string | undefined, context: Context): Promise<BenchBroker> {
  const stack = directory === undefined ? await startEmbeddedStack({ context, components: ['kafka'] }) : await openEmbeddedStack(directory, context)
  const state = await readState(stack.directory)
  const config = stack.config('file:///unused').kafka
  const { java, jars } = { java: state?.programs.java, jars: state?.jars }
  if (config === undefined || java === undefined || jars === undefined) throw new Error('this stack has no Kafka')
  const bootstrap = config.bootstrapServers.join(',')
  const tool = (mainClass: string, heapMiB: number, args: string[]) => {
    // What kafka-run-class sets.
    const settings = ['-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35', '-Djava.awt.headless=true']
    return [
      java,
      `-Xmx${heapMiB}M`,
      ...settings,
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
      '-cp',
      join(jars, 'kafka', '*'),
      mainClass,
      ...args,
    ]
  }
  const recordsIn = async (topic: string) => {
    await using client = await connectKafka(config, context)
    const [found] = await client.retrying(() => client.topics([topic]))
    if (found === undefined) return undefined
    const wanted = new Map([[topic, found.partitions.map(({ partition }) => partition)]])
    const ends = (await listOffsets(client, wanted, 'latest')).get(topic)
    return Number([...(ends?.values() ?? [])].reduce((sum, end) => sum + end, 0n))
  }
  return {
    config,
    bootstrap,
    version: (await stack.versions()).kafka ?? 'unknown',
    tool,
    async fill(topic) {
      const there = await recordsIn(topic.name)
      if (there === undefined) {
        await using client = await connectKafka(config, context)
        await createTopic(client, { name: topic.name, partitions: topic.partitions, replicationFactor: 1, configs: topic.configs })
      }
      const missing = topic.records - (there ?? 0)
      if (missing <= 0) return
      const settings = Object.entries({ 'bootstrap.servers': bootstrap, ...topic.producer }).map(([name, value]) => `${name}=${value}`)
      const [program = '', ...args] = tool('org.apache.kafka.tools.ProducerPerformance', 256, [
        ...['--topic', topic.name, '--num-records', String(missing), '--record-size', String(topic.recordBytes), '--throughput', '-1'],
        ...['--producer-props', ...settings],
      ])
      await execute(program, args, { maxBuffer: 64 << 20, signal: context.signal })
      const now = await recordsIn(topic.name)
      if (now !== topic.records) throw new Error(`${topic.name} has ${now} records instead of ${topic.records}`)
    },
    recordsIn,
    async drop(topic) {
      await using client = await connectKafka(config, context)
      await deleteTopics(client, [topic])
      const isGone = async () => (await client.topics([topic])).length === 0
      await waitUntil(isGone, { what: `${topic} to be gone`, timeoutMs: 60_000, signal: context.signal })
    },
    async logFiles(topic) {
      const data = join(stack.directory, 'kafka', 'data')
      const own = (await readdir(data)).filter((name) => name.slice(0, name.lastIndexOf('-')) === topic)
      const files: string[] = []
      let bytes = 0
      for (const name of own) {
        for (const file of await readdir(join(data, name))) {
          if (!file.endsWith('.log')) continue
          files.push(join(data, name, file))
          bytes += (await stat(join(data, name, file))).size
        }
      }
      return { files, bytes }
    },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  }
}
