import type { Writable } from 'node:stream'
import type { JsonSink } from '../avro/json-sink.ts'
import { WireClient } from '../clients/kafka-wire/wire-client.ts'
import type { AvroValues } from './avro-values.ts'
import { consumeRecords } from './consume-records.ts'
import { type ConsumerOptions, consumerOptions, PlainFailure } from './consumer-options.ts'
import { avroSettings, formatterSettings } from './formatter-settings.ts'
import { kafkaSettings, resolveBootstrap } from './kafka-settings.ts'
import { lineOutput } from './line-output.ts'
import { createRecordFormatter, type FormatterSettings, type RecordValues } from './record-formatter.ts'
import { openRecordSource } from './record-source.ts'
import { createRegistryHttp, type RegistryHttp } from './registry-http.ts'
import { registrySettings } from './registry-settings.ts'
import { ToolFailure, unsupportedSetting, UsageFailure } from './tool-failure.ts'

/** The Kafka release whose tool this one stands in for: what `--version` says. */
const version = '3.6.2'

export interface ToolIo {
  stdout: Writable
  stderr: Writable
  env: Readonly<Record<string, string | undefined>>
  /** Aborted by SIGINT or SIGTERM, the signal's name being the reason. */
  signal: AbortSignal
}

/**
 * `kafka-avro-console-consumer` as of Confluent 7.6: same flags, output and exit codes, but for what docs/avro-console.md lists.
 * Gives the exit code; never throws for a failure of servers, data or usage.
 */
export async function runAvroConsumer(argv: readonly string[], io: ToolIo): Promise<number> {
  const say = (text: string) => void io.stderr.write(`${text}\n`)
  let options: ConsumerOptions
  let formatter: FormatterSettings
  let avro: ReturnType<typeof avroSettings>
  let registry: Awaited<ReturnType<typeof registrySettings>> | undefined
  let client: WireClient
  const hard = new AbortController()
  try {
    const found = await consumerOptions(argv, io.env)
    if (found === 'help') throw new UsageFailure((await import('./consumer-help.ts')).consumerPurpose)
    if (found === 'version') {
      await lineOutput(io.stdout).write(Buffer.from(`${version}\n`))
      return 0
    }
    options = found
    formatter = formatterSettings(options.formatterProperties, options.compat)
    avro = avroSettings(options.formatterProperties)
    if (options.formatter === 'avro') registry = await registrySettings(options.formatterProperties)
    else checkDefaultFormatter(options.formatterProperties)
    const kafka = await kafkaSettings(options.consumerProperties, 'console-consumer')
    await resolveBootstrap(kafka)
    client = new WireClient(kafka.bootstrapServers, kafka, hard.signal)
  } catch (error) {
    return await startFailure(error, say)
  }

  await using connected = client
  const warned = new Set<string>()
  const warn = (message: string) => {
    if (warned.has(message)) return
    warned.add(message)
    say(`WARN ${message}`)
  }
  const http =
    registry === undefined
      ? undefined
      : createRegistryHttp(registry, io.signal, (error) => {
          warn(`Request to URL ${error.url} failed with error: ${error.name}: ${error.message}. Failing over to next URL if available...`)
        })
  await using registryHttp = http ?? noRegistry
  const giveUp = () => setTimeout(() => hard.abort(), 5_000).unref()
  io.signal.addEventListener('abort', giveUp, { once: true })
  try {
    const values = http === undefined ? rawValues : await avroRecordValues(options, avro, registryHttp)
    return await consumeRecords({
      options,
      source: openRecordSource({ client: connected, options, signal: io.signal, warn }),
      format: createRecordFormatter(formatter, values),
      output: lineOutput(io.stdout),
      signal: io.signal,
      say,
    })
  } finally {
    io.signal.removeEventListener('abort', giveUp)
  }
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

/** Each topic has its own subjects; the printers of its schemas are kept with them. */
async function avroRecordValues(options: ConsumerOptions, settings: ReturnType<typeof avroSettings>, http: RegistryHttp): Promise<RecordValues> {
  const { avroValues } = await import('./avro-values.ts')
  if (settings.latest) throw unsupportedSetting('use.latest.version', 'true')
  const of = (which: 'key' | 'value') => {
    const topics = new Map<string, AvroValues>()
    return (topic: string) => {
      const known = topics.get(topic)
      if (known !== undefined) return known
      const { logicalTypes, specific } = settings
      const subject = settings.subject(topic, which)
      const made = avroValues({
        http,
        subject,
        which,
        logicalTypes,
        specific,
        lossy: options.compat === 'strict',
      })
      topics.set(topic, made)
      return made
    }
  }
  return { keys: of('key'), values: of('value') }
}

/** Kafka's own formatter: bytes as they are. */
const rawBytes: AvroValues = {
  print: (payload: Uint8Array, sink: JsonSink) => {
    sink.raw(payload)
    return undefined
  },
}
const rawValues: RecordValues = { keys: () => rawBytes, values: () => rawBytes }

function checkDefaultFormatter(properties: ReadonlyMap<string, string>): void {
  for (const name of ['print.value', 'value.deserializer']) {
    const value = properties.get(name)
    if (value !== undefined && value !== 'true')
      throw unsupportedSetting(name, value, 'with kafka.tools.DefaultMessageFormatter; use kafka-console-consumer')
  }
}

const noRegistry: RegistryHttp = {
  request: () => Promise.reject(new Error('no registry is used')),
  async [Symbol.asyncDispose]() {},
}
