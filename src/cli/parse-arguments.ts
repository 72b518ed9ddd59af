import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { DatapipeError } from '../base/errors.ts'
import { productVersion } from '../commands/version.ts'
import type { ArgumentSpec, CommandSpec, OptionSpec } from './command-spec.ts'
import { CommandInput } from './command-input.ts'
import { commandTable, globalOptions } from './options.ts'

export type ParsedArguments =
  /** `--help`, `--version`: print this and be done. */
  { kind: 'text'; text: string } | { kind: 'command'; command: string; input: CommandInput; config: string; json: boolean; quiet: boolean }

/** Reads argv (without node and script). Throws `usage` with a hint. */
export function parseArguments(argv: readonly string[]): ParsedArguments {
  let parsed: ParsedArguments | undefined
  let text = ''
  const program = buildProgram((spec, input) => {
    const globals = new CommandInput({ name: 'datapipe', summary: '', options: globalOptions }, [], program.opts())
    parsed = {
      kind: 'command',
      command: spec.name,
      input,
      config: globals.text('config') ?? 'datapipe.yaml',
      json: globals.flag('json'),
      quiet: globals.flag('quiet'),
    }
  })
  const capture = (command: Command) => {
    command.exitOverride().configureOutput({
      writeOut: (written) => {
        text += written
      },
      writeErr: () => {},
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
    })
    command.commands.forEach(capture)
  }
  capture(program)
  try {
    program.parse(helpOf(argv), { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return { kind: 'text', text }
    throw usageError(error, argv)
  }
  if (parsed === undefined) throw new DatapipeError('usage', 'no command')
  return parsed
}

/** commander's own `help` knows one word, and commands have up to two; of an unknown one it is left to say that it is unknown. */
function helpOf(argv: readonly string[]): string[] {
  const [help, ...words] = argv
  if (help !== 'help') return [...argv]
  const known = words.length === 0 || commandTable.some(({ name }) => name.split(' ')[0] === words[0])
  return known ? [...words, '--help'] : words
}

/** commander writes "error: unknown option '--fo'\n(Did you mean --foo?)". */
function usageError(error: CommanderError, argv: readonly string[]): DatapipeError {
  if (error.code === 'commander.help') {
    const typed = argv.filter((word) => !word.startsWith('-')).join(' ')
    return new DatapipeError('usage', typed === '' ? 'no command' : `no command of ${typed}`, {
      hint: `run \`datapipe ${typed} --help\``.replace('  ', ' '),
    })
  }
  const [first, ...rest] = error.message.replace(/^error: /, '').split('\n')
  const suggestion = /\(Did you mean (.*)\?\)/.exec(rest.join(' '))?.[1]
  const message = (first ?? '').replace(/\.$/, '')
  const hint = suggestion === undefined ? usageOf(argv) : `did you mean ${suggestion}?`
  return new DatapipeError('usage', message, hint === undefined ? {} : { hint })
}

/** How the command that was typed is called; undefined when none was. */
function usageOf(argv: readonly string[]): string | undefined {
  const words = argv.filter((word) => !word.startsWith('-'))
  const isTyped = ({ name }: CommandSpec) => words.some((_, at) => words.slice(at, at + name.split(' ').length).join(' ') === name)
  const spec = commandTable.find(isTyped)
  if (spec === undefined) return undefined
  const args = (spec.arguments ?? []).map(({ name, required }) => (required ? name : `[${name}]`))
  return `datapipe ${[spec.name, ...args, '[OPTIONS]'].join(' ')}: \`datapipe ${spec.name} --help\` explains it`
}

/** The commander program for the table; `run` is called with the command that was typed. */
export function buildProgram(run: (spec: CommandSpec, input: CommandInput) => void): Command {
  const program = new Command('datapipe')
    .description('Back up, wipe, restore and drill a whole change-data-capture pipeline at one recovery point.')
    .version(productVersion, '--version', 'print the version')
    .helpOption('--help', 'print this')
    .helpCommand('help [COMMAND]', 'print the help of a command')
    .showSuggestionAfterError(true)
    .addHelpText('after', '\nExit codes: docs/exit-codes.md. Configuration: docs/cli.md.')
  for (const option of globalOptions) program.addOption(toOption(option))
  const groups = new Map<string, Command>()
  for (const spec of commandTable) addCommand(parentOf(spec, program, groups), spec, run)
  return program
}

function parentOf(spec: CommandSpec, program: Command, groups: Map<string, Command>): Command {
  const [group, name] = spec.name.split(' ')
  if (group === undefined || name === undefined) return program
  let parent = groups.get(group)
  if (parent === undefined) {
    parent = program
      .command(group)
      .description(`the drill's servers: ${commandsOf(group).join(', ')}`)
      .helpOption('--help', 'print this')
      .helpCommand(false)
    groups.set(group, parent)
  }
  return parent
}

function commandsOf(group: string): string[] {
  return commandTable.filter(({ name }) => name.startsWith(`${group} `)).map(({ name }) => name.slice(group.length + 1))
}

function addCommand(parent: Command, spec: CommandSpec, run: (spec: CommandSpec, input: CommandInput) => void): void {
  const command = parent
    .command(spec.name.split(' ').at(-1) ?? spec.name)
    .summary(spec.summary)
    .description([`${capitalised(spec.summary)}.`, ...(spec.description === undefined ? [] : [spec.description])].join('\n\n'))
    .helpOption('--help', 'print this')
    .allowExcessArguments(false)
  for (const argument of spec.arguments ?? []) command.addArgument(toArgument(argument))
  for (const option of spec.options ?? []) command.addOption(toOption(option))
  command.addHelpText('after', afterHelp(spec))
  command.action(() => run(spec, new CommandInput(spec, command.processedArgs, command.opts())))
}

function afterHelp(spec: CommandSpec): string {
  const examples = (spec.examples ?? []).map((example) => `  datapipe ${example}`)
  const codes = Object.entries(spec.answers ?? {}).map(([code, meaning]) => `  ${code}  ${meaning}`)
  return [
    ...(examples.length === 0 ? [] : ['', 'Examples:', ...examples]),
    ...(codes.length === 0 ? [] : ['', 'Exit codes beside 0 and those of errors:', ...codes]),
  ].join('\n')
}

function toArgument({ name, text, required, choices }: ArgumentSpec): Argument {
  const argument = new Argument(required ? `<${name}>` : `[${name}]`, text)
  return choices === undefined ? argument : argument.choices([...choices])
}

function toOption({ flags, text, choices, integer, required }: OptionSpec): Option {
  const option = new Option(flags.replace(/ (\S+)$/, ' <$1>'), text)
  if (choices !== undefined) option.choices([...choices])
  if (required === true) option.makeOptionMandatory()
  if (integer === true) option.argParser(positiveInteger)
  return option
}

function positiveInteger(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value === 0) throw new InvalidArgumentError('It must be a positive whole number.')
  return value
}

export function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
