import { ToolFailure, UsageFailure } from './tool-failure.ts'

/** `none`: a flag; `required`: takes the next word whatever it looks like; `optional`: takes the next word unless that looks like an option. */
export type OptionArgument = 'none' | 'required' | 'optional'

export interface ParsedArguments {
  has(name: string): boolean
  /** The one value; undefined when the option is missing or has none. Given twice it is an error. */
  value(name: string): string | undefined
  /** All values, in order. */
  values(name: string): string[]
  /** The one value as a number of 32 bits. */
  integer(name: string): number | undefined
  /** Words that belong to no option. The Java tools ignore them. */
  readonly rest: string[]
}

/**
 * A command line as joptsimple reads it for Kafka's tools: `--name value`, `--name=value`, one dash instead of two, no abbreviations, `--` ends
 * the options, every option may be repeated. Throws UsageFailure with joptsimple's words.
 */
export function parseArguments(args: readonly string[], options: Readonly<Record<string, OptionArgument>>): ParsedArguments {
  const found = new Map<string, string[]>()
  const rest: string[] = []
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? ''
    if (word === '--') {
      rest.push(...args.slice(at + 1))
      break
    }
    if (!looksLikeOption(word)) {
      rest.push(word)
      continue
    }
    const equals = word.indexOf('=')
    const name = word.slice(word.startsWith('--') ? 2 : 1, equals < 0 ? undefined : equals)
    const takes = Object.hasOwn(options, name) ? options[name] : undefined
    if (takes === undefined) throw new UsageFailure(`${word.startsWith('--') ? name : name.slice(0, 1)} is not a recognized option`)
    const values = found.get(name) ?? []
    found.set(name, values)
    if (takes === 'none') continue
    if (equals >= 0) values.push(word.slice(equals + 1))
    else if (takes === 'required') {
      if (at + 1 >= args.length) throw new UsageFailure(`Option ${name} requires an argument`)
      values.push(args[++at] ?? '')
    } else if (at + 1 < args.length && !looksLikeOption(args[at + 1] ?? '')) values.push(args[++at] ?? '')
  }
  const value = (name: string) => {
    const values = found.get(name)
    if (values !== undefined && values.length > 1) {
      const message = `Found multiple arguments for option ${name}, but you asked for only one`
      throw new ToolFailure('start', { type: 'joptsimple.MultipleArgumentsForOptionException', message })
    }
    return values?.[0]
  }
  return {
    rest,
    value,
    has: (name) => found.has(name),
    values: (name) => found.get(name) ?? [],
    integer: (name) => {
      const text = value(name)
      if (text === undefined) return undefined
      const number = Number(text)
      if (/^[+-]?\d+$/.test(text) && number >= -(2 ** 31) && number < 2 ** 31) return number
      const message = `Cannot parse argument '${text}' of option ${name}`
      throw new ToolFailure('start', { type: 'joptsimple.OptionArgumentConversionException', message })
    },
  }
}

const looksLikeOption = (word: string) => word.startsWith('-') && word !== '-'

const defaultRegistry = 'http://localhost:8081'

/**
 * The rule of the shell scripts around the Java tools: a default registry comes first unless some word, not an option itself, starts
 * with `schema.registry.url`. (So `--property=schema.registry.url=…` keeps the default, and wins by being last.)
 */
export function withDefaultRegistry(args: readonly string[]): string[] {
  const given = args.some((word) => !word.startsWith('--') && word.startsWith('schema.registry.url'))
  return given ? [...args] : ['--property', `schema.registry.url=${defaultRegistry}`, ...args]
}

/** How like the Java tools: `safe` differs where they hide a failure or lose data (see docs/avro-console.md), `strict` does not. */
export type Compat = 'safe' | 'strict'

/** Takes `--compat strict|safe` out of the words, or reads DATAPIPE_AVRO_COMPAT. Any other value is an error that names it. */
export function takeCompat(args: readonly string[], env: Readonly<Record<string, string | undefined>>): { compat: Compat; args: string[] } {
  const kept: string[] = []
  let chosen = env.DATAPIPE_AVRO_COMPAT
  let from = 'DATAPIPE_AVRO_COMPAT'
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? ''
    if (word !== '--compat' && !word.startsWith('--compat=')) {
      kept.push(word)
      continue
    }
    from = '--compat'
    if (word.startsWith('--compat=')) chosen = word.slice('--compat='.length)
    else if (at + 1 < args.length) chosen = args[++at] ?? ''
    else throw new UsageFailure('Option compat requires an argument')
  }
  if (chosen === undefined || chosen === '' || chosen === 'safe') return { compat: 'safe', args: kept }
  if (chosen === 'strict') return { compat: 'strict', args: kept }
  throw new UsageFailure(`${from} must be strict or safe, not ${chosen}`)
}
