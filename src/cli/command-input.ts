import type { CommandSpec } from './command-spec.ts'

/** What was typed for one command, read by the names of the table; a name that the table does not have is a bug and throws. */
export class CommandInput {
  readonly #spec: CommandSpec
  readonly #arguments: readonly unknown[]
  readonly #options: Readonly<Record<string, unknown>>

  constructor(spec: CommandSpec, values: readonly unknown[], options: Readonly<Record<string, unknown>>) {
    this.#spec = spec
    this.#arguments = values
    this.#options = options
  }

  /** A required argument, or the default when it may be left out. */
  argument(name: string, fallback?: string): string {
    const index = (this.#spec.arguments ?? []).findIndex((argument) => argument.name === name)
    const value = this.#arguments[index] ?? fallback
    if (typeof value !== 'string') throw new TypeError(`${this.#spec.name} has no argument ${name}`)
    return value
  }

  /** Every value of an argument that may be several. */
  arguments(name: string): string[] {
    const index = (this.#spec.arguments ?? []).findIndex((argument) => argument.name === name)
    const value = this.#arguments[index]
    if (!Array.isArray(value)) throw new TypeError(`${this.#spec.name} has no arguments ${name}`)
    return value.map(String)
  }

  /** Also of a `--no-X`, which the parser keeps as X being false. */
  flag(name: string): boolean {
    return this.#value(name) === !name.startsWith('no-')
  }

  text(name: string): string | undefined {
    const value = this.#value(name)
    if (value === undefined || typeof value === 'string') return value
    throw new TypeError(`--${name} is no text`)
  }

  integer(name: string): number | undefined {
    const value = this.#value(name)
    if (value === undefined || typeof value === 'number') return value
    throw new TypeError(`--${name} is no number`)
  }

  /** One of the table's choices. */
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.text(name)
    return value === undefined ? undefined : oneOf(value, choices)
  }

  /** A repeatable option: every value, in order. */
  list(name: string): string[] | undefined {
    const value = this.#value(name)
    if (value === undefined) return undefined
    if (Array.isArray(value)) return value.map(String)
    throw new TypeError(`--${name} is no list`)
  }

  choices<T extends string>(name: string, choices: readonly T[]): T[] | undefined {
    return this.list(name)?.map((value) => oneOf(value, choices))
  }

  /** Names of the options that were typed, in the order of the table. */
  typed(): string[] {
    const names = (this.#spec.options ?? []).map(({ flags }) => (flags.split(' ')[0] ?? '').slice(2))
    return names.filter((name) => this.#value(name) !== undefined && this.#value(name) !== false)
  }

  #value(name: string): unknown {
    if (!(this.#spec.options ?? []).some(({ flags }) => flags.split(' ')[0] === `--${name}`))
      throw new TypeError(`${this.#spec.name} has no --${name}`)
    return this.#options[name.replace(/^no-/, '').replace(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase())]
  }
}

export function oneOf<T extends string>(value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value)
  if (found === undefined) throw new TypeError(`${value} is none of ${choices.join(', ')}`)
  return found
}
