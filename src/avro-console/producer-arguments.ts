import { type Compat, type OptionArgument, parseArguments, type ParsedArguments } from './arguments.ts'
import { loadProperties, parseKeyValues } from './properties.ts'
import { ToolFailure, unsupportedSetting, UsageFailure } from './tool-failure.ts'

/** The options of Kafka 3.6.2's console producer. */
const options: Record<string, OptionArgument> = {
  'batch-size': 'required',
  'bootstrap-server': 'required',
  'broker-list': 'required',
  'compression-codec': 'optional',
  help: 'none',
  'line-reader': 'required',
  'max-block-ms': 'required',
  'max-memory-bytes': 'required',
  'max-partition-memory-bytes': 'required',
  'message-send-max-retries': 'required',
  'metadata-expiry-ms': 'required',
  'producer-property': 'required',
  'producer.config': 'required',
  property: 'required',
  'reader-config': 'required',
  'request-required-acks': 'required',
  'request-timeout-ms': 'required',
  'retry-backoff-ms': 'required',
  'socket-buffer-size': 'required',
  sync: 'none',
  timeout: 'required',
  topic: 'required',
  version: 'none',
}

/** Options that stand for a producer property. A later one of the list wins. */
const propertyOptions: [option: string, property: string][] = [
  ['timeout', 'linger.ms'],
  ['request-timeout-ms', 'request.timeout.ms'],
  ['message-send-max-retries', 'retries'],
  ['retry-backoff-ms', 'retry.backoff.ms'],
  ['max-memory-bytes', 'buffer.memory'],
  ['batch-size', 'batch.size'],
  ['max-partition-memory-bytes', 'batch.size'],
  ['max-block-ms', 'max.block.ms'],
]
/** Checked and otherwise without effect here: sockets and metadata are not tuned. */
const tuning = ['socket-buffer-size', 'metadata-expiry-ms']

const avroReader = 'io.confluent.kafka.formatter.AvroMessageReader'

export interface ProducerCommand {
  topic: string
  sync: boolean
  /** For the Kafka client, with `bootstrap.servers`. */
  producer: Map<string, string>
  /** For the reader and the serializer. */
  reader: Map<string, string>
}

/** The command line of the console producer; `help` and `version` where these are asked for. Throws UsageFailure or ToolFailure. */
export async function producerCommand(args: readonly string[], compat: Compat): Promise<ProducerCommand | 'help' | 'version'> {
  const parsed = parseArguments(args, options)
  const asked = parsed.has('help') ? 'help' : parsed.has('version') ? 'version' : undefined
  if (asked !== undefined) return asked
  if (!parsed.has('bootstrap-server') && !parsed.has('broker-list')) throw new UsageFailure('Missing required option(s) [bootstrap-server]')
  const topic = parsed.value('topic')
  if (topic === undefined) throw new UsageFailure('Missing required argument "[topic]"')
  const servers = parsed.value('bootstrap-server') ?? parsed.value('broker-list') ?? ''
  if (!servers.split(',').every((server) => /:\d+$/.test(server.trim()))) {
    throw new UsageFailure('Please provide valid host:port like host1:9091,host2:9092\n')
  }
  const reader = parsed.value('line-reader')
  if (reader !== undefined && reader !== avroReader) throw unsupportedSetting('line-reader', reader, `${avroReader} is`)
  return {
    topic,
    sync: parsed.has('sync'),
    producer: await producerProperties(parsed, servers, compat),
    reader: parseKeyValues(parsed.values('property'), await fileOf(parsed, 'reader-config')),
  }
}

async function fileOf(parsed: ParsedArguments, option: string): Promise<Map<string, string>> {
  const path = parsed.value(option)
  return path === undefined ? new Map() : await loadProperties(path)
}

/** What Java's tool sets where nothing else is said: a leader election takes longer than all these repetitions. Compression given as a property is overwritten. */
const javaDefaults = { retries: '3', 'request.timeout.ms': '1500' }

async function producerProperties(parsed: ParsedArguments, servers: string, compat: Compat): Promise<Map<string, string>> {
  const properties = parseKeyValues(parsed.values('producer-property'), await fileOf(parsed, 'producer.config'))
  properties.set('bootstrap.servers', servers)
  const acks = parsed.value('request-required-acks')
  if (acks !== undefined) properties.set('acks', acks)
  if (compat === 'strict') properties.set('compression.type', 'none')
  if (parsed.has('compression-codec')) properties.set('compression.type', parsed.value('compression-codec') || 'gzip')
  for (const option of tuning) wholeNumber(parsed, option)
  for (const [option, property] of propertyOptions) {
    const value = wholeNumber(parsed, option)
    if (value !== undefined) properties.set(property, value)
  }
  if (compat === 'strict') for (const [name, value] of Object.entries(javaDefaults)) if (!properties.has(name)) properties.set(name, value)
  return properties
}

function wholeNumber(parsed: ParsedArguments, option: string): string | undefined {
  const value = parsed.value(option)
  if (value === undefined || /^[+-]?\d+$/.test(value)) return value
  throw new ToolFailure('start', {
    type: 'joptsimple.OptionArgumentConversionException',
    message: `Cannot parse argument '${value}' of option ${option}`,
  })
}
