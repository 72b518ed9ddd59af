/** One exception as the Java tools name it in their logs. */
export interface Thrown {
  /** Class name with its package, or without one where the tool prints none. */
  type: string
  message?: string | undefined
}

/**
 * What the Java tool would have thrown, outermost first: scripts look for these texts in stderr.
 * `kind` says whose fault it is: `usage` and `start` end the tool before any record; `registry` and `authentication` are no fault of the
 * record that met them; `record` is.
 */
export class ToolFailure extends Error {
  readonly kind: FailureKind
  readonly chain: readonly Thrown[]
  /** The same failure said again for people, where the Java text is of no use. */
  readonly hint: string | undefined

  constructor(kind: FailureKind, chain: Thrown | Thrown[], options: { hint?: string; cause?: unknown } = {}) {
    const all = Array.isArray(chain) ? chain : [chain]
    super(all.map(thrownText).join('\nCaused by: '), options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ToolFailure'
    this.kind = kind
    this.chain = all
    this.hint = options.hint
  }
}

export type FailureKind = 'start' | 'registry' | 'authentication' | 'record' | 'broker'

/** A wrong command line: the message, then the help, exit code 1. */
export class UsageFailure extends Error {
  override readonly name = 'UsageFailure'
}

/** `type: message`, as Throwable.toString prints it. */
export function thrownText({ type, message }: Thrown): string {
  return message === undefined ? type : `${type}: ${message}`
}

const configException = 'org.apache.kafka.common.config.ConfigException'

/** A setting that the Java tools have and these do not; never ignored. `hint` says what to do instead. */
export function unsupportedSetting(name: string, value: string, hint?: string): ToolFailure {
  return new ToolFailure('start', { type: configException, message: `${name}=${value} is not supported` }, hint === undefined ? {} : { hint })
}
