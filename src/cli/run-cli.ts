import type { DatapipeConfig } from '../base/config.ts'
import type { Context } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import type { DatapipeEvent } from '../base/events.ts'
import { failureEvent, namingConfig } from './failure-event.ts'
import { type LoadedConfig, loadConfig } from './load-config.ts'
import { type ParsedArguments, parseArguments } from './parse-arguments.ts'
import { createRedactor, type Redactor } from './redact.ts'
import { jsonRenderer } from './render/json.ts'
import { linesRenderer } from './render/lines.ts'
import type { Output, Renderer } from './render/renderer.ts'
import { hasColours, styleFor } from './render/style.ts'
import { terminalRenderer } from './render/terminal.ts'
import type { Outcome } from './outcome.ts'
import { commands } from './run-command.ts'

/** What Node says of a stream that may be a terminal. */
interface Terminal {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
}

export interface CliEnvironment {
  /** Without node and the script. */
  argv: readonly string[]
  env: Readonly<Record<string, string | undefined>>
  stdout: Output & Terminal
  stderr: Output & Terminal
  signal: AbortSignal
}

/** argv → command → exit code. Never throws; everything that happens is written to stdout and stderr, secrets redacted. */
export async function runCli(environment: CliEnvironment): Promise<number> {
  const redactor = createRedactor()
  let text = ''
  const resultText = () => redactor.text(text)
  let renderer = createRenderer(environment, { json: environment.argv.includes('--json'), quiet: true }, resultText)
  let configFile = 'datapipe.yaml'
  const show = (event: DatapipeEvent) => renderer.event(redactor.value(event))
  try {
    const parsed = parseArguments(environment.argv)
    if (parsed.kind === 'text') {
      environment.stdout.write(parsed.text)
      return 0
    }
    renderer = createRenderer(environment, parsed, resultText)
    configFile = parsed.config
    const outcome = await runCommand(parsed, environment, { redactor, show })
    text = outcome.text({ width: environment.stdout.columns || 100, color: hasColours(environment.env, environment.stdout.isTTY === true) })
    show({ type: 'result', command: parsed.command, exitCode: outcome.exitCode, result: outcome.result })
    return outcome.exitCode
  } catch (error) {
    const event = namingConfig(failureEvent(error, environment.signal), configFile)
    show(event)
    return event.exitCode
  } finally {
    renderer.close()
  }
}

function createRenderer(environment: CliEnvironment, { json, quiet }: { json: boolean; quiet: boolean }, resultText: () => string): Renderer {
  const { stdout, stderr, env } = environment
  const clock = () => performance.now()
  if (json) return jsonRenderer({ stdout, clock, quiet })
  const isTerminal = stderr.isTTY === true && env.TERM !== 'dumb'
  const style = styleFor(env, isTerminal)
  if (isTerminal && !quiet) return terminalRenderer({ stdout, stderr, clock, style, resultText })
  return linesRenderer({ stdout, stderr, clock, style, resultText, quiet })
}

async function runCommand(
  parsed: ParsedArguments & { kind: 'command' },
  environment: CliEnvironment,
  { redactor, show }: { redactor: Redactor; show: (event: DatapipeEvent) => void },
): Promise<Outcome> {
  const command = commands[parsed.command]
  if (command === undefined) throw new DatapipeError('internal', `the command ${parsed.command} has no implementation`)
  const context: Context = { signal: environment.signal, now: () => new Date(), emit: show }
  const loaded = new Map<string, Promise<LoadedConfig>>()
  const config = async (file = parsed.config): Promise<DatapipeConfig> => {
    const load = loaded.get(file) ?? loadConfig(file, environment.env)
    loaded.set(file, load)
    const { config, secrets } = await load
    redactor.add(secrets)
    return config
  }
  return await command({ input: parsed.input, config, context })
}
