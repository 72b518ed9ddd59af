import type { Printer } from '../avro/compile-printer.ts'
import type { JsonSink } from '../avro/json-sink.ts'
import type { AvroSchema } from '../avro/schema.ts'
import type { Compat } from './arguments.ts'
import { type AvroValues, type AvroValuesOptions, avroValues } from './avro-values.ts'
import { avroSettings, behindPrefix, usesAvroKeys } from './formatter-settings.ts'
import type { RecordValues } from './record-formatter.ts'
import { createRegistryHttp, type RegistryHttp } from './registry-http.ts'
import { registrySettings } from './registry-settings.ts'
import { ToolFailure, unsupportedSetting } from './tool-failure.ts'

export interface RecordValuesOptions {
  properties: ReadonlyMap<string, string>
  compat: Compat
  signal: AbortSignal
  warn: (message: string) => void
}

/**
 * How keys and values become text by AvroMessageFormatter: with the schemas of a registry, each topic having its own subjects. Nothing is asked
 * before the first record. Throws ToolFailure for settings that are wrong.
 */
export async function openAvroRecordValues(options: RecordValuesOptions): Promise<RecordValues & AsyncDisposable> {
  const { properties, compat } = options
  const keyProperties = usesAvroKeys(properties) ? behindPrefix(properties, 'key.deserializer') : undefined
  const asText = keyProperties === undefined ? undefined : await textPrinter()
  const separate = keyProperties === undefined ? undefined : await initializing('key.deserializer', () => registryUser(keyProperties, options))
  const shared = await registryUser(properties, options)
  const lossy = compat === 'strict'
  return {
    keys: byTopic((topic) =>
      avroValues({ ...(separate ?? shared).reader(topic, 'key'), lossy, ...(asText === undefined ? {} : { compile: asText }) }),
    ),
    values: byTopic((topic) => avroValues({ ...shared.reader(topic, 'value'), lossy })),
    async [Symbol.asyncDispose]() {
      await separate?.http[Symbol.asyncDispose]()
      await shared.http[Symbol.asyncDispose]()
    },
  }
}

interface RegistryUser {
  http: RegistryHttp
  reader(topic: string, which: 'key' | 'value'): Omit<AvroValuesOptions, 'lossy'>
}

async function registryUser(properties: ReadonlyMap<string, string>, { signal, warn }: RecordValuesOptions): Promise<RegistryUser> {
  const { logicalTypes, specific, latest, subject: subjectOf } = avroSettings(properties)
  const http = createRegistryHttp(await registrySettings(properties), signal, (error) => {
    warn(`Request to URL ${error.url} failed with error: ${error.name}: ${error.message}. Failing over to next URL if available...`)
  })
  const projection = latest ? (await import('./project-latest.ts')).projectToLatest : undefined
  return {
    http,
    reader(topic, which) {
      const subject = subjectOf(topic, which)
      return { http, subject, which, logicalTypes, specific, ...(projection === undefined ? {} : { project: projection(http, subject) }) }
    },
  }
}

function byTopic(make: (topic: string) => AvroValues): (topic: string) => AvroValues {
  const topics = new Map<string, AvroValues>()
  return (topic) => {
    const made = topics.get(topic) ?? make(topic)
    topics.set(topic, made)
    return made
  }
}

async function textPrinter(): Promise<(schema: AvroSchema) => Printer> {
  const { compileToString } = await import('../avro/compile-to-string.ts')
  return (schema) => {
    const text = compileToString(schema)
    return (source, sink) => sink.utf8(text(source))
  }
}

async function initializing<T>(property: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ToolFailure)) throw error
    const message = `Error initializing ${property}: ${error.chain[0]?.message}`
    throw new ToolFailure('start', { type: 'org.apache.kafka.common.config.ConfigException', message }, { cause: error })
  }
}

/** Kafka's own formatter: bytes as they are. Throws ToolFailure for what kafka-console-consumer is needed for. */
export function rawRecordValues(properties: ReadonlyMap<string, string>): RecordValues & AsyncDisposable {
  for (const name of ['print.value', 'value.deserializer']) {
    const value = properties.get(name)
    if (value !== undefined && value !== 'true') throw unsupportedSetting(name, value, 'use kafka-console-consumer for Kafka’s own formatter')
  }
  const raw: AvroValues = {
    print: (payload: Uint8Array, sink: JsonSink) => {
      sink.raw(payload)
      return undefined
    },
  }
  return { keys: () => raw, values: () => raw, async [Symbol.asyncDispose]() {} }
}
