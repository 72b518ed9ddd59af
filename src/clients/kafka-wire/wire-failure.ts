import { errorName } from './error-names.ts'

/**
 * `unreachable`: no connection, or it broke; `unauthorized`: credentials or certificates were refused, or a right is missing;
 * `not-supported`: the broker lacks the version; `broker`: an error code of the protocol.
 */
export type WireFailureKind = 'unreachable' | 'unauthorized' | 'not-supported' | 'broker'

/** A request to a broker that failed. `code` is Kafka's error code, 0 when there was no answer. */
export class WireFailure extends Error {
  readonly kind: WireFailureKind
  readonly code: number

  constructor(kind: WireFailureKind, message: string, options: { code?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'WireFailure'
    this.kind = kind
    this.code = options.code ?? 0
  }

  /** True when the same request may do well in a moment, with fresh metadata. */
  get passing(): boolean {
    return this.kind === 'unreachable' || passing.has(this.code)
  }
}

/** Error codes of the protocol by name (https://kafka.apache.org/protocol#protocol_error_codes). */
export const wireCodes = {
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  requestTimedOut: 7,
  messageTooLarge: 10,
  coordinatorNotAvailable: 15,
  notEnoughReplicas: 19,
  illegalGeneration: 22,
  unknownMemberId: 25,
  rebalanceInProgress: 27,
  topicAuthorizationFailed: 29,
  clusterAuthorizationFailed: 31,
  unsupportedSaslMechanism: 33,
  saslAuthenticationFailed: 58,
  memberIdRequired: 79,
} as const

const passing = new Set([3, 5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20, 41, 56, 72, 74, 75, 76, 78, 88, 89, 100, 103])
const denied = new Set([29, 30, 31, 53, 58])

/** Throws a WireFailure unless `code` is 0. `what` is the attempt, as in "cannot <what>". */
export function throwOnCode(code: number, what: string, words?: string | null): void {
  if (code === 0) return
  const message = `cannot ${what}: ${errorName(code)}${words ? `: ${words}` : ''}`
  throw new WireFailure(denied.has(code) ? 'unauthorized' : 'broker', message, { code })
}
