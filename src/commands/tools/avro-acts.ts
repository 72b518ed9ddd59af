import { DatapipeError, describeError } from '../../base/errors.ts'
import { type Bench, noServer } from './bench.ts'
import { noRecords, runKafkaTool } from './kafka-acts.ts'
import type { Act, Attempt } from './tool-item.ts'

/** The Avro consumer on a topic whose subject the registry knows. */
export function avroActs(bench: Bench): Act[] {
  return [{ part: 'avro', tool: 'kafka-avro-console-consumer', act: 'reads one record', attempt: () => readOne(bench) }]
}

async function readOne(bench: Bench): Promise<Attempt> {
  const { config, seen } = bench
  if (config?.kafka === undefined) return noServer(bench, 'kafka')
  if (config.registry === undefined) return noServer(bench, 'registry')
  if (seen.subjects === undefined) return { notRun: 'the registry did not tell its subjects: see above' }
  const topic = [...(seen.partitions?.keys() ?? [])].find((name) => seen.subjects?.includes(`${name}-value`))
  const place = topic === undefined ? undefined : seen.partitions?.get(topic)
  if (topic === undefined || place === undefined) return { notRun: noRecords(bench) }
  const found = await consumeAvro(bench, { topic, partition: place.partition, offset: place.earliest })
  return `1 record of ${topic}, ${Buffer.byteLength(found)} bytes of JSON`
}

/** One record as JSON text. Throws `tool-failed` when the tool ends well without one, or prints something else. */
export async function consumeAvro(bench: Bench, { topic, partition, offset }: { topic: string; partition: number; offset: bigint }): Promise<string> {
  const { config, files, seen } = bench
  if (config?.kafka === undefined || config.registry === undefined) throw new DatapipeError('internal', 'no brokers and registry to consume from')
  const registry = await files.serializer(config.registry)
  const { stdout, stderr } = await runKafkaTool(bench, config.kafka, {
    tool: 'kafka-avro-console-consumer',
    configFlag: '--consumer.config',
    args: [
      ...['--topic', topic, '--partition', String(partition), '--offset', String(offset), '--max-messages', '1', '--timeout-ms', '60000'],
      ...['--property', `schema.registry.url=${seen.registryUrl ?? ''}`, '--formatter-config', registry],
    ],
  })
  const line = stdout.trim()
  try {
    JSON.parse(line)
  } catch (cause) {
    throw new DatapipeError('tool-failed', `kafka-avro-console-consumer read no JSON from ${topic} (${describeError(cause)}): ${stderr}`, { cause })
  }
  return line
}
