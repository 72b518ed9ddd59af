import type { KafkaConfig } from '../../base/config.ts'
import { DatapipeError } from '../../base/errors.ts'
import { type Bench, noServer } from './bench.ts'
import { runProgram } from './run-program.ts'
import type { Act, Attempt } from './tool-item.ts'

/** Runs one of Kafka's tools against the configured brokers and returns its stdout; `configFlag` names the file of client properties. */
export async function runKafkaTool(bench: Bench, kafka: KafkaConfig, call: { tool: string; args: string[]; configFlag?: string; input?: string }) {
  const { context, files } = bench
  const properties = await files.kafka(kafka)
  const args = ['--bootstrap-server', kafka.bootstrapServers.join(','), call.configFlag ?? '--command-config', properties, ...call.args]
  return await runProgram(call.tool, args, { context, ...(call.input === undefined ? {} : { input: call.input }) })
}

/** Kafka's tools on the brokers that the configuration names. They read, and write nothing. */
export function kafkaActs(bench: Bench): Act[] {
  const { config, seen } = bench
  const act = (tool: string, what: string, attempt: (kafka: KafkaConfig) => Promise<Attempt>): Act => ({
    part: 'kafka',
    tool,
    act: what,
    attempt: async () => (config?.kafka === undefined ? noServer(bench, 'kafka') : await attempt(config.kafka)),
  })
  const lines = async (kafka: KafkaConfig, tool: string, ...args: string[]) =>
    (await runKafkaTool(bench, kafka, { tool, args })).stdout.split('\n').filter((line) => line.trim() !== '')
  return [
    act('kafka-topics', 'lists the topics', async (kafka) => `${(await lines(kafka, 'kafka-topics', '--list')).length} topics`),
    act('kafka-consumer-groups', 'lists the groups', async (kafka) => `${(await lines(kafka, 'kafka-consumer-groups', '--list')).length} groups`),
    act('kafka-get-offsets', 'reads the ends of every partition', async (kafka) => {
      const earliest = offsetsOf(await lines(kafka, 'kafka-get-offsets', '--time', 'earliest'))
      const latest = offsetsOf(await lines(kafka, 'kafka-get-offsets', '--time', 'latest'))
      seen.partitions = new Map()
      for (const [key, { topic, partition, offset }] of latest) {
        const first = earliest.get(key)?.offset ?? 0n
        if (offset > first && !seen.partitions.has(topic)) seen.partitions.set(topic, { partition, earliest: first, latest: offset })
      }
      return `${latest.size} partitions, ${seen.partitions.size} topics with records`
    }),
    act('kafka-configs', 'describes the brokers', async (kafka) => {
      const described = await lines(kafka, 'kafka-configs', '--describe', '--entity-type', 'brokers', '--all')
      return `${described.length} settings`
    }),
    act('kafka-console-consumer', 'reads one record', async (kafka) => {
      const topic = pickRawTopic(seen.partitions)
      if (topic === undefined) return { notRun: noRecords(bench) }
      return await consumeOne(bench, kafka, topic)
    }),
  ]
}

/** `topic:partition:offset` lines. */
function offsetsOf(lines: readonly string[]): Map<string, { topic: string; partition: number; offset: bigint }> {
  const found = new Map<string, { topic: string; partition: number; offset: bigint }>()
  for (const line of lines) {
    const [, topic, partition, offset] = /^(.+):(\d+):(\d+)$/.exec(line) ?? []
    if (topic === undefined || partition === undefined || offset === undefined) continue
    found.set(`${topic}:${partition}`, { topic, partition: Number(partition), offset: BigInt(offset) })
  }
  return found
}

export const noRecords = ({ seen }: Bench) =>
  seen.partitions === undefined ? 'kafka-get-offsets found no topic: see above' : 'no topic holds a record that fits'

/** Topics that are no Avro by their nature come first, as in the route that backs them up raw. */
function pickRawTopic(partitions: Bench['seen']['partitions']): string | undefined {
  const names = [...(partitions?.keys() ?? [])].filter((name) => name !== '__consumer_offsets')
  return names.find((name) => /^(connect-|_schemas|kafkasql)/.test(name)) ?? names[0]
}

/** Reads the first record of a partition and tells its size, never its contents. */
async function consumeOne(bench: Bench, kafka: KafkaConfig, topic: string): Promise<string> {
  const place = bench.seen.partitions?.get(topic)
  if (place === undefined) throw new DatapipeError('internal', `${topic} was not seen`)
  const args = [
    '--topic',
    topic,
    '--partition',
    String(place.partition),
    '--offset',
    String(place.earliest),
    '--max-messages',
    '1',
    '--timeout-ms',
    '60000',
  ]
  const { stdout, stderr } = await runKafkaTool(bench, kafka, { tool: 'kafka-console-consumer', args })
  if (!stderr.includes('Processed a total of 1 messages')) {
    throw new DatapipeError('tool-failed', `kafka-console-consumer ended well and read nothing of ${topic}: ${stderr || stdout}`)
  }
  return `1 record of ${topic}, ${Buffer.byteLength(stdout) - 1} bytes`
}
