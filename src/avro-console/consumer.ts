import type { Writable } from 'node:stream'
import { WireClient } from '../clients/kafka-wire/wire-client.ts'
import { consumeRecords } from './consume-records.ts'
import { type ConsumerOptions, consumerOptions, PlainFailure } from './consumer-options.ts'
import { formatterSettings } from './formatter-settings.ts'
import { type KafkaSettings, kafkaSettings, resolveBootstrap } from './kafka-settings.ts'
import { lineOutput } from './line-output.ts'
import { createRecordFormatter, type FormatterSettings, type RecordValues } from './record-formatter.ts'
import { openRecordSource } from './record-source.ts'
import { openAvroRecordValues, rawRecordValues } from './record-values.ts'
import { ToolFailure, UsageFailure } from './tool-failure.ts'

/** The Kafka release whose tool this one stands in for: what `--version` says. */
const version = '3.6.2'

export interface ToolIo {
  stdout: Writable
  stderr: Writable
  env: Readonly<Record<string, string | undefined>>
  /** Aborted by SIGINT or SIGTERM, the signal's name being the reason. */
  signal: AbortSignal
}

interface Prepared {
  options: ConsumerOptions
  kafka: KafkaSettings
  layout: FormatterSettings
  values: RecordValues & AsyncDisposable
}

/**
 * `kafka-avro-console-consumer` as of Confluent 7.6: same flags, output and exit codes, but for what docs/avro-console.md lists.
 * Gives the exit code; never throws for a failure of servers, data or usage.
 */
export async function runAvroConsumer(argv: readonly string[], io: ToolIo): Promise<number> {
  const say = (text: string) => void io.stderr.write(`${text}\n`)
  const warn = onceEach(say)
  let prepared: Prepared
  try {
    const options = await consumerOptions(argv, io.env)
    if (options === 'help') throw new UsageFailure((await import('./consumer-help.ts')).consumerPurpose)
    if (options === 'version') {
      await lineOutput(io.stdout).write(Buffer.from(`${version}\n`))
      return 0
    }
    prepared = await prepare(options, io.signal, warn)
  } catch (error) {
    return await startFailure(error, say)
  }
  const { options, kafka, layout } = prepared
  // After a signal there are some seconds to commit and leave.
  const hard = new AbortController()
  const giveUp = () => void setTimeout(() => hard.abort(), 5_000).unref()
  io.signal.addEventListener('abort', giveUp, { once: true })
  await using values = prepared.values
  await using client = new WireClient(kafka.bootstrapServers, kafka, hard.signal)
  try {
    return await consumeRecords({
      options,
      source: openRecordSource({ client, options, signal: io.signal, warn }),
      format: createRecordFormatter(layout, values),
      output: lineOutput(io.stdout),
      signal: io.signal,
      say,
    })
  } finally {
    io.signal.removeEventListener('abort', giveUp)
  }
}

/** What Java does before the first message: formatter first, then the consumer's settings. */
async function prepare(options: ConsumerOptions, signal: AbortSignal, warn: (message: string) => void): Promise<Prepared> {
  const { formatterProperties: properties, compat } = options
  const layout = formatterSettings(properties, compat)
  const values = options.formatter === 'avro' ? await openAvroRecordValues({ properties, compat, signal, warn }) : rawRecordValues(properties)
  const kafka = await kafkaSettings(options.consumerProperties, 'console-consumer')
  await resolveBootstrap(kafka)
  return { options, kafka, layout, values }
}

async function startFailure(error: unknown, say: (text: string) => void): Promise<number> {
  if (error instanceof UsageFailure) say(`${error.message}\n${(await import('./consumer-help.ts')).consumerHelp.trimEnd()}`)
  else if (error instanceof PlainFailure) say(error.message)
  else if (error instanceof ToolFailure) {
    say(error.kind === 'broker' ? `ERROR Unknown error when running consumer: \n${error.message}` : `Exception in thread "main" ${error.message}`)
    if (error.hint !== undefined) say(`hint: ${error.hint}`)
  } else throw error
  return 1
}

/** Warnings that repeat are said once. */
function onceEach(say: (text: string) => void): (message: string) => void {
  const said = new Set<string>()
  return (message) => {
    if (said.has(message)) return
    said.add(message)
    say(`WARN ${message}`)
  }
}
