import type { Compat } from './arguments.ts'
import { deserializerOf, type Deserializer } from './deserializers.ts'
import { booleanSetting, integerSetting, isTrue } from './properties.ts'
import type { FormatterSettings } from './record-formatter.ts'
import { ToolFailure } from './tool-failure.ts'

/** Properties of Confluent's deserializer that are parsed whether or not they matter: a wrong value ends the tool. */
const booleans = [
  'auto.register.schemas',
  'avro.reflection.allow.null',
  'avro.use.logical.type.converters',
  'id.compatibility.strict',
  'latest.compatibility.strict',
  'normalize.schemas',
  'schema.reflection',
  'specific.avro.reader',
  'use.latest.version',
]
const integers = ['http.connect.timeout.ms', 'latest.cache.size', 'max.retries', 'max.schemas.per.subject', 'retries.max.wait.ms', 'retries.wait.ms']
const strategies = ['TopicNameStrategy', 'RecordNameStrategy', 'TopicRecordNameStrategy']
const strategyPackage = 'io.confluent.kafka.serializers.subject.'

export interface AvroSettings {
  logicalTypes: boolean
  specific: boolean
  latest: boolean
  /** The subject that the registry is asked with: `TOPIC-key`, or empty with a strategy by record name. */
  subject(topic: string, of: 'key' | 'value'): string
}

/** What AvroMessageFormatter and its deserializer read out of the properties. Throws ToolFailure as they do. */
export function avroSettings(properties: ReadonlyMap<string, string>): AvroSettings {
  for (const name of booleans) booleanSetting(properties, name, false)
  for (const name of integers) integerSetting(properties, name, 0)
  const byTopic = { key: topicStrategy(properties, 'key'), value: topicStrategy(properties, 'value') }
  return {
    logicalTypes: booleanSetting(properties, 'avro.use.logical.type.converters', false),
    specific: booleanSetting(properties, 'specific.avro.reader', false),
    latest: booleanSetting(properties, 'use.latest.version', false),
    subject: (topic, of) => (byTopic[of] ? `${topic}-${of}` : ''),
  }
}

function topicStrategy(properties: ReadonlyMap<string, string>, of: string): boolean {
  const name = `${of}.subject.name.strategy`
  const value = properties.get(name)?.trim()
  if (value === undefined) return true
  const known = strategies.find((strategy) => value === strategyPackage + strategy)
  if (known !== undefined) return known === 'TopicNameStrategy'
  const message = `Invalid value ${value} for configuration ${name}: Class ${value} could not be found.`
  throw new ToolFailure(
    'start',
    { type: 'org.apache.kafka.common.config.ConfigException', message },
    { hint: `built in are ${strategies.map((strategy) => strategyPackage + strategy).join(', ')}` },
  )
}

/** The line's layout. `safe` prints header values that nobody said how to read as the bytes they are; the real tool prints null for each. */
export function formatterSettings(properties: ReadonlyMap<string, string>, compat: Compat): FormatterSettings {
  const bytes = (name: string, fallback: string) => Buffer.from(properties.get(name) ?? fallback, 'utf8')
  const ids = isTrue(properties.get('print.schema.ids'))
  const keyDeserializer = usesAvroKeys(properties) ? undefined : deserializer(properties, 'key.deserializer', compat)
  const asTheyAre: Deserializer | undefined = compat === 'strict' ? undefined : (value) => value
  return {
    timestamp: isTrue(properties.get('print.timestamp')),
    partition: isTrue(properties.get('print.partition')),
    offset: isTrue(properties.get('print.offset')),
    headers: isTrue(properties.get('print.headers')),
    key: isTrue(properties.get('print.key')),
    valueIds: ids,
    keyIds: ids && keyDeserializer === undefined,
    keySeparator: bytes('key.separator', '\t'),
    lineSeparator: bytes('line.separator', '\n'),
    headersSeparator: bytes('headers.separator', ','),
    idSeparator: bytes('schema.id.separator', '\t'),
    nullLiteral: bytes('null.literal', 'null'),
    keyDeserializer,
    headersDeserializer: deserializer(properties, 'headers.deserializer', compat) ?? asTheyAre,
  }
}

/** True when keys are read by KafkaAvroDeserializer, which has properties of its own and prints by `toString`. */
export function usesAvroKeys(properties: ReadonlyMap<string, string>): boolean {
  return properties.get('key.deserializer') === 'io.confluent.kafka.serializers.KafkaAvroDeserializer'
}

function deserializer(properties: ReadonlyMap<string, string>, property: string, compat: Compat): Deserializer | undefined {
  const name = properties.get(property)
  if (name === undefined) return undefined
  return deserializerOf(name, behindPrefix(properties, property), { property, identity: compat === 'strict' })
}

/** The properties `PREFIX.x` as `x`. */
export function behindPrefix(properties: ReadonlyMap<string, string>, prefix: string): Map<string, string> {
  const own = new Map<string, string>()
  for (const [key, value] of properties) if (key.startsWith(`${prefix}.`)) own.set(key.slice(prefix.length + 1), value)
  return own
}
