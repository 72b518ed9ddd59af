import { type Compat, parseArguments, type ParsedArguments, takeCompat, withDefaultRegistry } from './arguments.ts'
import { loadProperties, parseKeyValues } from './properties.ts'
import { ToolFailure, UsageFailure } from './tool-failure.ts'

/** What the user asked for, checked in the order in which Kafka 3.6's ConsoleConsumer checks it. */
export interface ConsumerOptions {
  compat: Compat
  /** One topic by name, or all whose whole name matches the expression. */
  topic: string | RegExp
  /** One partition from a place, with no group. */
  partition: number | undefined
  /** Where `partition` starts: a number, or an end of the log. */
  offset: bigint | 'earliest' | 'latest'
  /** Where a partition without a committed offset starts; `none` fails. */
  reset: 'earliest' | 'latest' | 'none'
  /** Undefined: nothing is committed anywhere. */
  group: string | undefined
  isolation: 0 | 1
  /** Negative: no limit. */
  maxMessages: number
  /** Milliseconds without a record until it ends; undefined: never. */
  timeoutMs: number | undefined
  skipOnError: boolean
  systestEvents: boolean
  /** `avro`, or Kafka's own formatter of raw bytes. */
  formatter: 'avro' | 'default'
  formatterProperties: ReadonlyMap<string, string>
  /** `bootstrap.servers` included. */
  consumerProperties: ReadonlyMap<string, string>
}

const table = {
  'bootstrap-server': 'required',
  'consumer-property': 'required',
  'consumer.config': 'required',
  'enable-systest-events': 'none',
  formatter: 'required',
  'formatter-config': 'required',
  'from-beginning': 'none',
  group: 'required',
  help: 'none',
  include: 'required',
  'isolation-level': 'required',
  'key-deserializer': 'required',
  'max-messages': 'required',
  offset: 'required',
  partition: 'required',
  property: 'required',
  'skip-message-on-error': 'none',
  'timeout-ms': 'required',
  topic: 'required',
  'value-deserializer': 'required',
  version: 'none',
  whitelist: 'required',
} as const

/** `help` and `version` come back as such; wrong usage throws UsageFailure, a wrong value ToolFailure. */
export async function consumerOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<ConsumerOptions | 'help' | 'version'> {
  const { compat, args } = takeCompat(argv, env)
  const given = parseArguments(withDefaultRegistry(args), table)
  if (given.has('help')) return 'help'
  if (given.has('version')) return 'version'
  const extra = parseKeyValues(given.values('consumer-property'))
  const config = given.value('consumer.config')
  const consumerProperties = config === undefined ? new Map<string, string>() : await loadProperties(config)
  const partition = given.integer('partition')
  const formatter = formatterOf(given.value('formatter'))
  const formatterProperties = await formatterSettings(given)
  const maxMessages = given.integer('max-messages') ?? -1
  const timeoutMs = given.integer('timeout-ms') ?? -1
  const bootstrap = given.value('bootstrap-server')
  const topic = topicOf(given)
  const offset = offsetOf(given, partition)
  if (bootstrap === undefined) throw new UsageFailure('Missing required argument "[bootstrap-server]"')
  const group = groupOf(given, [consumerProperties.get('group.id'), extra.get('group.id')])
  if (group !== undefined && partition !== undefined) throw new UsageFailure('Options group and partition cannot be specified together.')
  for (const [name, value] of extra) consumerProperties.set(name, value)
  consumerProperties.set('bootstrap.servers', bootstrap)
  const named = group === undefined && partition === undefined && compat === 'strict' ? randomGroup(consumerProperties) : group
  const isolation = given.value('isolation-level') ?? consumerProperties.get('isolation.level') ?? 'read_uncommitted'
  return {
    compat,
    topic,
    partition,
    offset,
    reset: resetOf(given.has('from-beginning'), consumerProperties.get('auto.offset.reset')),
    group: named,
    isolation: isolationOf(isolation),
    maxMessages,
    timeoutMs: timeoutMs >= 0 ? timeoutMs : undefined,
    skipOnError: given.has('skip-message-on-error'),
    systestEvents: given.has('enable-systest-events'),
    formatter,
    formatterProperties,
    consumerProperties,
  }
}

async function formatterSettings(given: ParsedArguments): Promise<Map<string, string>> {
  const config = given.value('formatter-config')
  const properties = config === undefined ? new Map<string, string>() : await loadProperties(config)
  parseKeyValues(given.values('property'), properties)
  for (const which of ['key', 'value']) {
    const deserializer = given.value(`${which}-deserializer`)
    if (deserializer) properties.set(`${which}.deserializer`, deserializer)
  }
  return properties
}

function formatterOf(name: string | undefined): 'avro' | 'default' {
  if (name === undefined || name === 'io.confluent.kafka.formatter.AvroMessageFormatter') return 'avro'
  if (name === 'kafka.tools.DefaultMessageFormatter') return 'default'
  const hint = 'io.confluent.kafka.formatter.AvroMessageFormatter and kafka.tools.DefaultMessageFormatter are built in; Java classes cannot be loaded'
  throw new ToolFailure('start', { type: 'java.lang.ClassNotFoundException', message: name }, { hint })
}

function topicOf(given: ParsedArguments): string | RegExp {
  const topic = given.value('topic')
  const included = given.has('include') ? given.value('include') : given.value('whitelist')
  if ((topic === undefined) === (included === undefined)) {
    const note = given.has('whitelist') ? '--whitelist is DEPRECATED use --include instead; ignored if --include specified.' : '()'
    throw new UsageFailure(`Exactly one of --include/--topic is required. ${note}`)
  }
  if (topic !== undefined) return topic
  const text = (included ?? '')
    .trim()
    .replaceAll(',', '|')
    .replaceAll(' ', '')
    .replace(/^["']+/, '')
    .replace(/["']+$/, '')
  try {
    return new RegExp(`^(?:${text})$`)
  } catch (cause) {
    throw new ToolFailure('start', { type: 'java.lang.RuntimeException', message: `${text} is an invalid regex.` }, { cause })
  }
}

function offsetOf(given: ParsedArguments, partition: number | undefined): ConsumerOptions['offset'] {
  if (partition !== undefined) {
    if (!given.has('topic')) throw new UsageFailure('The topic is required when partition is specified.')
    if (given.has('from-beginning') && given.has('offset')) {
      throw new UsageFailure('Options from-beginning and offset cannot be specified together.')
    }
  } else if (given.has('offset')) throw new UsageFailure('The partition is required when offset is specified.')
  const text = given.value('offset')?.toLowerCase()
  if (text === undefined) return given.has('from-beginning') ? 'earliest' : 'latest'
  if (text === 'earliest' || text === 'latest') return text
  if (/^\+?\d+$/.test(text) && BigInt(text) < 2n ** 63n) return BigInt(text)
  throw new UsageFailure(`The provided offset value '${text}' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.`)
}

function groupOf(given: ParsedArguments, others: (string | undefined)[]): string | undefined {
  const groups = new Set([given.value('group'), ...others].filter((group) => group !== undefined))
  if (groups.size > 1) {
    const found = [...groups].map((group) => `'${group}'`).join(', ')
    throw new UsageFailure(
      "The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer.config') do not match. " +
        `Detected group ids: ${found}`,
    )
  }
  return [...groups][0]
}

/** Java joins a group of its own where none is named, and commits nothing there unless it is told to. */
function randomGroup(consumerProperties: Map<string, string>): string {
  if (!consumerProperties.has('enable.auto.commit')) consumerProperties.set('enable.auto.commit', 'false')
  return `console-consumer-${Math.floor(Math.random() * 100_000)}`
}

function resetOf(fromBeginning: boolean, configured: string | undefined): ConsumerOptions['reset'] {
  if (fromBeginning && configured !== undefined && configured !== 'earliest') {
    throw new PlainFailure(`Can't simultaneously specify --from-beginning and 'auto.offset.reset=${configured}', please remove one option`)
  }
  if (fromBeginning) return 'earliest'
  if (configured === undefined) return 'latest'
  const value = configured.trim().toLowerCase()
  if (value === 'earliest' || value === 'latest' || value === 'none') return value
  const message = `Invalid value ${configured} for configuration auto.offset.reset: String must be one of: latest, earliest, none`
  throw new ToolFailure('broker', { type: 'org.apache.kafka.common.config.ConfigException', message })
}

function isolationOf(value: string): 0 | 1 {
  if (value === 'read_uncommitted') return 0
  if (value === 'read_committed') return 1
  const message = `Invalid value ${value} for configuration isolation.level: String must be one of: read_committed, read_uncommitted`
  throw new ToolFailure('broker', { type: 'org.apache.kafka.common.config.ConfigException', message })
}

/** A wrong command line that the tool answers with one line and no help. */
export class PlainFailure extends Error {
  override readonly name = 'PlainFailure'
}
