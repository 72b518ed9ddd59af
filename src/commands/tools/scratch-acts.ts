import { randomUUID } from 'node:crypto'
import { DatapipeError } from '../../base/errors.ts'
import { consumeAvro } from './avro-acts.ts'
import { type Bench, noServer } from './bench.ts'
import { deleteSubject } from './http-acts.ts'
import { runKafkaTool } from './kafka-acts.ts'
import type { Act, Attempt } from './tool-item.ts'

const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const
const schema = '{"type":"record","name":"DatapipeTools","fields":[{"name":"word","type":"string"}]}'

/** Acts that write, in a topic that the person named for it: created here, and deleted again. One that is there already is left alone. */
export function scratchActs(bench: Bench): Act[] {
  const { scratchTopic: topic, config } = bench
  let made = false
  let registered = false
  const word = randomUUID()
  const act = (part: 'kafka' | 'avro' | 'http', tool: string, what: string, attempt: (topic: string) => Promise<Attempt>): Act => ({
    part,
    tool,
    act: what,
    attempt: async () => {
      if (config?.kafka === undefined) return noServer(bench, 'kafka')
      if (topic === undefined) return { notRun: 'writing needs --scratch-topic NAME' }
      if (!made && what !== 'creates the scratch topic') return { notRun: `the topic ${topic} was not created: see above` }
      return await attempt(topic)
    },
  })
  const run = async (tool: string, args: string[], more: { configFlag?: string; input?: string } = {}) => {
    if (config?.kafka === undefined) throw new DatapipeError('internal', 'no brokers')
    return await runKafkaTool(bench, config.kafka, { tool, args, ...more })
  }
  return [
    act('kafka', 'kafka-topics', 'creates the scratch topic', async (name) => {
      await run('kafka-topics', ['--create', '--topic', name, '--partitions', '1', '--replication-factor', '1'])
      made = true
      return name
    }),
    ...codecs.map((codec) =>
      act('kafka', 'kafka-console-producer', `writes a record, ${codec}`, async (name) => {
        await run('kafka-console-producer', ['--topic', name, '--compression-codec', codec], { input: `${codec} ${word}\n` })
        return '1 record'
      }),
    ),
    act('kafka', 'kafka-console-consumer', 'reads what was written', async (name) => {
      const count = String(codecs.length)
      const args = ['--topic', name, '--partition', '0', '--offset', 'earliest', '--max-messages', count, '--timeout-ms', '60000']
      const { stdout } = await run('kafka-console-consumer', args)
      const missing = codecs.filter((codec) => !stdout.includes(`${codec} ${word}\n`))
      if (missing.length > 0) throw new DatapipeError('tool-failed', `the records of ${missing.join(', ')} are not there: ${stdout}`)
      return `${count} records, ${codecs.join(', ')}`
    }),
    act('avro', 'kafka-avro-console-producer', 'writes a record', async (name) => {
      if (config?.registry === undefined) return noServer(bench, 'registry')
      if (bench.seen.registryUrl === undefined) return { notRun: 'the registry did not answer: see above' }
      const registry = await bench.files.serializer(config.registry)
      const url = ['--property', `schema.registry.url=${bench.seen.registryUrl}`]
      const args = ['--topic', name, ...url, '--reader-config', registry, '--property', `value.schema=${schema}`]
      await run('kafka-avro-console-producer', args, { configFlag: '--producer.config', input: `{"word":"${word}"}\n` })
      registered = true
      return '1 record'
    }),
    act('avro', 'kafka-avro-console-consumer', 'reads what was written', async (name) => {
      if (config?.registry === undefined) return noServer(bench, 'registry')
      const line = await consumeAvro(bench, { topic: name, partition: 0, offset: BigInt(codecs.length) })
      if (line !== `{"word":"${word}"}`) throw new DatapipeError('tool-failed', `kafka-avro-console-consumer reads ${line}`)
      return 'the same record'
    }),
    act('http', 'curl', 'deletes the subject of the scratch topic', async (name) => {
      if (!registered) return { notRun: 'no subject was registered: see above' }
      await deleteSubject(bench, `${name}-value`)
      return `${name}-value`
    }),
    act('kafka', 'kafka-topics', 'deletes the scratch topic', async (name) => {
      await run('kafka-topics', ['--delete', '--topic', name])
      return name
    }),
  ]
}
