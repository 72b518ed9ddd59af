import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { DatapipeEvent } from '../src/base/events.ts'

const program = fileURLToPath(new URL('../bin/datapipe.js', import.meta.url))

/** The launcher's own place, also for a command with a TMPDIR of its own. */
const compileCache = join(tmpdir(), 'node-compile-cache')

export type ResultEvent = DatapipeEvent & { type: 'result' }
export type ErrorEvent = DatapipeEvent & { type: 'error' }

/** What a person who typed a command sees. */
export interface CliRun {
  exitCode: number
  stdout: string
  stderr: string
  /** The parsed lines of `--json`; empty without it. */
  events: DatapipeEvent[]
  /** The last line when it is a result, or an error. */
  result: ResultEvent | undefined
  error: ErrorEvent | undefined
}

export interface CliOptions {
  /** Added to this process's environment; `undefined` takes a variable out. */
  env?: Record<string, string | undefined>
  cwd?: string
  /** Asks the command to end, as Ctrl-C does: a test's own signal, so that a drill does not outlive a test that took too long. */
  signal?: AbortSignal
}

/** A command that still runs. Disposal kills it. */
export interface RunningCli extends Disposable {
  readonly pid: number
  /** Resolves with the first event that fits, also one that came already; rejects with everything written when the command ends without. */
  event(fits: (event: DatapipeEvent) => boolean): Promise<DatapipeEvent>
  kill(signal: NodeJS.Signals): void
  /** Resolves when it has ended. A signal that ended it is `-1`. */
  readonly ended: Promise<CliRun>
}

/** Types `datapipe …` as a user would: another process, by its launcher. With `--json` in `args` its lines are parsed while they come. */
export function startDatapipe(args: string[], { env = {}, cwd, signal }: CliOptions = {}): RunningCli {
  const child: ChildProcess = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', NODE_COMPILE_CACHE: compileCache, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  })
  signal?.addEventListener('abort', () => child.kill('SIGINT'), { once: true })
  const events: DatapipeEvent[] = []
  const waiting = new Set<(event: DatapipeEvent) => void>()
  let stdout = ''
  let stderr = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8')
  })
  if (child.stdout === null) throw new TypeError('stdout is a pipe')
  createInterface({ input: child.stdout }).on('line', (line) => {
    stdout += `${line}\n`
    if (!args.includes('--json')) return
    const event = JSON.parse(line) as DatapipeEvent
    events.push(event)
    for (const tell of waiting) tell(event)
  })
  const ended = once(child, 'close').then(([code]): CliRun => {
    const last = events.at(-1)
    return {
      exitCode: typeof code === 'number' ? code : -1,
      stdout,
      stderr,
      events,
      result: last?.type === 'result' ? last : undefined,
      error: last?.type === 'error' ? last : undefined,
    }
  })
  return {
    pid: child.pid ?? -1,
    ended,
    event: (fits) => {
      const already = events.find(fits)
      if (already !== undefined) return Promise.resolve(already)
      const { promise, resolve, reject } = Promise.withResolvers<DatapipeEvent>()
      const tell = (event: DatapipeEvent) => {
        if (fits(event)) resolve(event)
      }
      waiting.add(tell)
      void ended.then(() => reject(new Error(`datapipe ${args.join(' ')} ended before that:\n${stdout}\n${stderr}`)))
      return promise.finally(() => waiting.delete(tell))
    },
    kill: (signal) => void child.kill(signal),
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}

/** Runs it to its end. */
export function datapipe(args: string[], options: CliOptions = {}): Promise<CliRun> {
  return startDatapipe(args, options).ended
}

/** The same with `--json`. */
export function datapipeJson(args: string[], options: CliOptions = {}): Promise<CliRun> {
  return datapipe(['--json', ...args], options)
}

/** The result of a command that gave one; otherwise throws with everything it said. */
export function resultOf<T>(run: CliRun): T {
  if (run.result === undefined) throw new Error(`no result: ${told(run)}`)
  return run.result.result as T
}

/** Everything that was said, for the message of a failed expectation. */
export function told({ stdout, stderr }: CliRun): string {
  return `${stdout.slice(-6000)}\n${stderr.slice(-6000)}`
}
