import type { Compat } from './arguments.ts'
import { type Codec, codecs } from '../clients/kafka/compression.ts'
import { booleanSetting, integerSetting } from './properties.ts'
import { ToolFailure, unsupportedSetting } from './tool-failure.ts'

/** How to send, out of Java producer properties. */
export interface SendSettings {
  acks: -1 | 1
  /** Nobody hears of batches that could not be sent: `acks=0` with `--compat strict`. */
  unheard: boolean
  idempotent: boolean
  codec: Codec
  /** Bytes of a batch, before compression. */
  batchSize: number
  lingerMs: number
  maxBlockMs: number
  /** Bytes that may wait for their acknowledgement. */
  bufferMemory: number
  maxRequestSize: number
  requestTimeoutMs: number
  deliveryTimeoutMs: number
  retryBackoffMs: number
  /** How often a batch is sent again; without an explicit `retries` only the delivery timeout ends it. */
  retries: number
}

const config = 'org.apache.kafka.common.config.ConfigException'

/**
 * Reads producer properties as Java's ProducerConfig checks them. `acks=0` is sent as `acks=1`: a record that nobody acknowledges is lost without
 * a word, which `strict` keeps to itself. Transactions are refused; tuning of sockets and metadata has no meaning here.
 */
export function sendSettings(properties: ReadonlyMap<string, string>, compat: Compat): SendSettings {
  const acks = properties.get('acks')?.trim() ?? 'all'
  oneOf('acks', acks, ['all', '-1', '0', '1'])
  const codec = properties.get('compression.type')?.trim() ?? 'none'
  oneOf('compression.type', codec, codecs)
  const transactional = properties.get('transactional.id')?.trim()
  if (transactional) throw unsupportedSetting('transactional.id', transactional, 'the console producer never begins a transaction')
  const partitioner = properties.get('partitioner.class')?.trim()
  if (partitioner) throw unsupportedSetting('partitioner.class', partitioner, 'keys are hashed as by the default partitioner')
  if (booleanSetting(properties, 'partitioner.ignore.keys', false)) throw unsupportedSetting('partitioner.ignore.keys', 'true')
  const all = acks === 'all' || acks === '-1'
  const retries = atLeast(properties, 'retries', Number.MAX_SAFE_INTEGER, 0)
  const wanted = booleanSetting(properties, 'enable.idempotence', true)
  if (properties.has('enable.idempotence') && wanted && !all) {
    throw new ToolFailure('start', {
      type: config,
      message: 'Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence.',
    })
  }
  return {
    acks: all ? -1 : 1,
    unheard: acks === '0' && compat === 'strict',
    idempotent: wanted && all && retries > 0,
    codec: codec as Codec,
    batchSize: atLeast(properties, 'batch.size', 16_384, 0),
    lingerMs: atLeast(properties, 'linger.ms', 1000, 0),
    maxBlockMs: atLeast(properties, 'max.block.ms', 60_000, 0),
    bufferMemory: atLeast(properties, 'buffer.memory', 33_554_432, 0),
    maxRequestSize: atLeast(properties, 'max.request.size', 1_048_576, 0),
    requestTimeoutMs: atLeast(properties, 'request.timeout.ms', 30_000, 0),
    deliveryTimeoutMs: atLeast(properties, 'delivery.timeout.ms', 120_000, 0),
    retryBackoffMs: atLeast(properties, 'retry.backoff.ms', 100, 0),
    retries,
  }
}

function oneOf(name: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return
  const message = `Invalid value ${value} for configuration ${name}: String must be one of: ${allowed.join(', ')}`
  throw new ToolFailure('start', { type: config, message })
}

function atLeast(properties: ReadonlyMap<string, string>, name: string, fallback: number, least: number): number {
  const value = integerSetting(properties, name, fallback)
  if (value >= least) return value
  throw new ToolFailure('start', { type: config, message: `Invalid value ${value} for configuration ${name}: Value must be at least ${least}` })
}
