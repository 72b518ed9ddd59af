import { AuthenticationError, findErrorBy, NetworkError, protocolErrorsCodesById, ResponseError } from '@platformatic/kafka'
import { DatapipeError, describeError } from '../../base/errors.ts'

/** Kafka's error codes that this project decides by, under their protocol names. Never decide by message text. */
export const kafkaErrors = {
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  requestTimedOut: 7,
  invalidTopic: 17,
  topicAuthorizationFailed: 29,
  clusterAuthorizationFailed: 31,
  topicAlreadyExists: 36,
  invalidConfig: 40,
  unknownMemberId: 25,
  outOfOrderSequenceNumber: 45,
  duplicateSequenceNumber: 46,
  nonEmptyGroup: 68,
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

/** The protocol's name of an error code, e.g. `NOT_COORDINATOR`. */
export function errorName(code: number): string {
  return protocolErrorsCodesById[code] ?? `error code ${code}`
}

/** Throws a KafkaFailure unless `code` is 0. `what` is the attempt, as in "cannot <what>". */
export function throwOnError(code: number, what: string, serverMessage?: string | null): void {
  if (code === 0) return
  const words = serverMessage ? `${errorName(code)}: ${serverMessage}` : errorName(code)
  throw new KafkaFailure(`cannot ${what}: ${words}`, { kafkaCode: code, retriable: passing.has(code) })
}

/** The answer inside the driver's "response with errors", which carries each item's own code; undefined for other errors. */
export function answerIn<R>(error: unknown): R | undefined {
  return error instanceof ResponseError ? (error.response as R) : undefined
}

/** Turns a driver's error into a KafkaFailure (lost connection: retriable) or a DatapipeError that names the address. */
export function translate(error: unknown, address: string): Error {
  if (error instanceof KafkaFailure || error instanceof DatapipeError) return error
  const known = error instanceof Error ? error : new Error(String(error))
  if (isRefusal(known)) {
    return new DatapipeError('unauthorized', `broker ${address} refused the credentials: ${lastWords(known)}`, {
      path: `kafka/${address}`,
      cause: innermost(known),
    })
  }
  if (findErrorBy(known, 'code', NetworkError.code) !== null) {
    return new KafkaFailure(`broker ${address} does not answer: ${describeError(known)}`, { retriable: true, cause: error })
  }
  return new DatapipeError('server-refused', `broker ${address}: ${describeError(known)}`, { path: `kafka/${address}`, cause: error })
}

/** The last word when nobody retried or handled: by code, `unauthorized`, `unreachable` or `server-refused`. */
export function asDatapipeError(error: unknown): unknown {
  if (!(error instanceof KafkaFailure)) return error
  if (error.kafkaCode === undefined) return new DatapipeError('unreachable', error.message, { cause: error })
  return new DatapipeError(denied.has(error.kafkaCode) ? 'unauthorized' : 'server-refused', error.message, { cause: error })
}

/** A refusal by the broker; not a connection that broke while credentials were on their way (as when one side expects TLS). */
export function isRefusal(error: unknown): boolean {
  let refused = false
  for (let current: unknown = error, depth = 0; current instanceof Error && depth < 6; current = current.cause, depth++) {
    if ([33, 34, 58].some((code) => findErrorBy(current as Error, 'apiCode', code) !== null)) return true
    refused ||= findErrorBy(current, 'code', AuthenticationError.code) !== null
    if (current.cause === undefined && findErrorBy(current, 'code', NetworkError.code) !== null) return false
  }
  return refused
}

function lastWords(error: Error): string {
  const last = innermost(error)
  const server = (last as { serverErrorMessage?: unknown }).serverErrorMessage
  return typeof server === 'string' && server ? server : last.message
}

function innermost(error: Error): Error {
  let current: Error = error
  for (let depth = 0; depth < 6; depth++) {
    const next = current instanceof AggregateError ? current.errors[0] : current.cause
    if (!(next instanceof Error)) break
    current = next
  }
  return current
}

/** Kafka's error code behind an error of this client; undefined when it is something else. */
export function kafkaCodeOf(error: unknown): number | undefined {
  if (error instanceof KafkaFailure) return error.kafkaCode
  return error instanceof DatapipeError ? kafkaCodeOf(error.cause) : undefined
}
