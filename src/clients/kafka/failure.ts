import { DatapipeError } from '../../base/errors.ts'
import { errorName } from '../kafka-wire/error-names.ts'
import { WireFailure } from '../kafka-wire/wire-failure.ts'

/** Kafka's error codes that this project decides by, under their protocol names. Never decide by message text. */
export const kafkaErrors = {
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  invalidTopic: 17,
  topicAuthorizationFailed: 29,
  clusterAuthorizationFailed: 31,
  topicAlreadyExists: 36,
  invalidConfig: 40,
  outOfOrderSequenceNumber: 45,
  duplicateSequenceNumber: 46,
  groupIdNotFound: 69,
  securityDisabled: 54,
  unsupportedVersion: 35,
  unknownTopicId: 100,
  inconsistentTopicId: 103,
} as const

/** Codes that go away by themselves: wait, look up leaders and coordinators again, repeat. */
const passing = new Set([3, 5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20, 41, 56, 72, 74, 75, 76, 78, 88, 89, 100, 103])
const denied = new Set([29, 30, 31, 53, 58])

/** A broker's answer that is an error, or a connection that failed. Becomes a DatapipeError when nobody handles its code. */
export class KafkaFailure extends Error {
  /** Kafka's error code; undefined when there was no answer. */
  readonly kafkaCode: number | undefined
  readonly retriable: boolean

  constructor(message: string, options: { kafkaCode?: number; retriable: boolean; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'KafkaFailure'
    this.kafkaCode = options.kafkaCode
    this.retriable = options.retriable
  }
}

/** Throws a KafkaFailure unless `code` is 0. `what` is the attempt, as in "cannot <what>". */
export function throwOnError(code: number, what: string, serverMessage?: string | null): void {
  if (code === 0) return
  const words = serverMessage ? `${errorName(code)}: ${serverMessage}` : errorName(code)
  throw new KafkaFailure(`cannot ${what}: ${words}`, { kafkaCode: code, retriable: passing.has(code) })
}

/** Turns an error of a connection into a KafkaFailure (lost connection: retriable) or a DatapipeError that names the address. */
export function translate(error: unknown, address: string): unknown {
  if (error instanceof RangeError) {
    return new KafkaFailure(`broker ${address} sent an answer that cannot be read: ${error.message}`, { retriable: true, cause: error })
  }
  if (!(error instanceof WireFailure)) return error
  // TLS that does not fit comes with words of its own.
  if (error.cause instanceof DatapipeError) return error.cause
  if (error.kind === 'unreachable') return new KafkaFailure(error.message, { retriable: true, cause: error })
  return new DatapipeError(error.kind === 'broker' ? 'server-refused' : error.kind, error.message, { path: `kafka/${address}`, cause: error })
}

/** The last word when nobody retried or handled: by code, `unauthorized`, `unreachable` or `server-refused`. */
export function asDatapipeError(error: unknown): unknown {
  if (!(error instanceof KafkaFailure)) return error
  if (error.kafkaCode === undefined) return new DatapipeError('unreachable', error.message, { cause: error })
  return new DatapipeError(denied.has(error.kafkaCode) ? 'unauthorized' : 'server-refused', error.message, { cause: error })
}

/** Kafka's error code behind an error of this client; undefined when it is something else. */
export function kafkaCodeOf(error: unknown): number | undefined {
  if (error instanceof KafkaFailure) return error.kafkaCode
  return error instanceof DatapipeError ? kafkaCodeOf(error.cause) : undefined
}
