import type { DatapipeConfig } from '../base/config.ts'
import type { Context } from '../base/context.ts'
import type { CommandInput } from './command-input.ts'

/** What a command gave: data for `--json`, and the same for people. */
export interface Outcome {
  exitCode: number
  result: unknown
  text: (display: Display) => string
}

/** What stdout can show. */
export interface Display {
  width: number
  color: boolean
}

export interface CommandCall {
  input: CommandInput
  /** Loads the configuration on first use: not every command has one. `file` when it is not that of --config. */
  config(file?: string): Promise<DatapipeConfig>
  context: Context
}

/** A result that carries its exit code. */
export function outcome<T extends { exitCode: number }>(result: T, text: (result: T, display: Display) => string): Outcome {
  return { exitCode: result.exitCode, result, text: (display) => text(result, display) }
}

export type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Leaves out what is undefined: an option that was not typed is absent, not undefined. */
export function defined<T extends object>(options: T): Defined<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Defined<T>
}
