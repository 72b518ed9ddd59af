/** One option of a command, in commander's notation. */
export interface OptionSpec {
  /** `--label TEXT`, `--yes IDENTITY`, `--dry-run`; upper case is the value's name, three dots after it make it repeatable. */
  flags: string
  /** One sentence, lowercase, without a full stop. */
  text: string
  choices?: readonly string[]
  /** A positive whole number. */
  integer?: boolean
  /** The command refuses to run without it. */
  required?: boolean
}

export interface ArgumentSpec {
  /** Three dots after it make it one or more. */
  name: string
  text: string
  required: boolean
  choices?: readonly string[]
}

/** One row of the command table. */
export interface CommandSpec {
  /** One word, or two for a command of a group (`stack up`). */
  name: string
  /** What it does: imperative, lowercase, without a full stop. */
  summary: string
  /** More for `--help` and docs/cli.md: whole sentences. */
  description?: string
  arguments?: readonly ArgumentSpec[]
  options?: readonly OptionSpec[]
  /** Exit codes beyond 0, 64, 70, 130 that mean an answer: code → meaning. */
  answers?: Readonly<Record<number, string>>
  /** Examples: what is typed after `datapipe`. */
  examples?: readonly string[]
}
