import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import type { Readable, Writable } from 'node:stream'
import { DatapipeError } from '../base/errors.ts'

/** How much of an external program's stderr is kept for its error, in characters. */
const tailLimit = 8000

export interface ToolOptions {
  /** Added to the inherited environment. The place for secrets: the environment of a child is readable by its own user alone, its argv by everybody. */
  env?: Record<string, string>
  cwd?: string
  signal?: AbortSignal
  /** Runs the program as this user (only root may): PostgreSQL's servers refuse to run as root. */
  owner?: { uid: number; gid: number }
  /** Called with each whole line that the program writes to stderr (carriage returns end lines too: progress displays). */
  onStderrLine?: (line: string) => void
  /** `collect` and `ignore` are for short outputs and none; `pipe` leaves `stdout` to the caller, who must read it. Default `collect`. */
  stdout?: 'collect' | 'ignore' | 'pipe'
  /** Leaves stdin open as a pipe for the caller. */
  stdin?: boolean
  /** Out of the reach of a terminal's Ctrl-C, which goes to all programs of a session: for what must outlast a first one. */
  ownSession?: boolean
}

export interface RunningTool extends AsyncDisposable {
  readonly pid: number
  readonly stdin: Writable
  readonly stdout: Readable
  /** What was collected from stdout so far. */
  output(): string
  /** The last lines of stderr, for an error's text. */
  lastWords(): string
  /** Resolves with the exit code when it ends, or -1 when a signal ended it. Never rejects. */
  readonly ended: Promise<number>
  /** Resolves when it ends with 0; otherwise throws `tool-failed` with its last words, or `interrupted`. */
  succeeded(): Promise<void>
  /** Asks it to end (SIGTERM by default), and after 15 s makes it. Resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/**
 * Starts an external program without a shell. Throws `tool-missing` when it is not there. The caller disposes it: a program that still
 * runs then is stopped. Aborting `signal` stops it too.
 */
export async function startTool(program: string, args: string[], options: ToolOptions = {}): Promise<RunningTool> {
  if (options.signal?.aborted) throw new DatapipeError('interrupted', `interrupted before ${nameOf(program)} was started`)
  const spawnOptions: SpawnOptions = {
    env: { ...process.env, LC_ALL: 'C', ...options.env },
    stdio: [options.stdin === true ? 'pipe' : 'ignore', options.stdout === 'ignore' ? 'ignore' : 'pipe', 'pipe'],
  }
  if (options.cwd !== undefined) spawnOptions.cwd = options.cwd
  if (options.ownSession === true) spawnOptions.detached = true
  if (options.owner !== undefined && process.getuid?.() === 0) Object.assign(spawnOptions, options.owner)
  const child = spawn(program, args, spawnOptions)
  try {
    await once(child, 'spawn')
  } catch (cause) {
    throw new DatapipeError('tool-missing', `cannot start ${program}`, { path: program, cause })
  }
  return runningTool(child, program, options)
}

/** Runs an external program to its end and returns its stdout. Throws `tool-missing`, `tool-failed`, `interrupted`. */
export async function runTool(program: string, args: string[], options: ToolOptions = {}): Promise<string> {
  await using tool = await startTool(program, args, options)
  await tool.succeeded()
  return tool.output()
}

function runningTool(child: ChildProcess, program: string, options: ToolOptions): RunningTool {
  const stdout: Buffer[] = []
  let tail = ''
  let unfinished = ''
  if (options.stdout === undefined || options.stdout === 'collect') child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => {
    const text = chunk.toString('utf8')
    tail = (tail + text).slice(-tailLimit)
    if (options.onStderrLine === undefined) return
    const lines = (unfinished + text).split(/[\r\n]+/)
    unfinished = lines.pop() ?? ''
    for (const line of lines) if (line !== '') options.onStderrLine(line)
  })
  const ended = new Promise<number>((resolve) => {
    child.once('close', (code) => resolve(code ?? -1))
  })
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    const last = setTimeout(() => child.kill('SIGKILL'), 15_000)
    await ended
    clearTimeout(last)
  }
  const onAbort = () => void stop()
  options.signal?.addEventListener('abort', onAbort, { once: true })
  void ended.then(() => options.signal?.removeEventListener('abort', onAbort))
  return {
    pid: child.pid as number,
    stdin: child.stdin as Writable,
    stdout: child.stdout as Readable,
    output: () => Buffer.concat(stdout).toString('utf8'),
    lastWords: () => lastLines(tail),
    ended,
    async succeeded() {
      const code = await ended
      if (options.signal?.aborted) throw new DatapipeError('interrupted', `interrupted during ${nameOf(program)}`)
      if (code === 0) return
      const how = code < 0 ? `was ended by ${child.signalCode}` : `failed with exit code ${code}`
      throw new DatapipeError('tool-failed', `${nameOf(program)} ${how}${tail === '' ? '' : `: ${lastLines(tail)}`}`, { path: program })
    },
    stop,
    [Symbol.asyncDispose]: () => stop(),
  }
}

const nameOf = (program: string) => program.slice(program.lastIndexOf('/') + 1)

const lastLines = (text: string) => text.trim().split('\n').slice(-20).join('\n')

/**
 * Runs a program that leaves a server behind (`pg_ctl start`, a service's start command): only its own end is waited for, and what it
 * and the server print goes to `logFile`, since a server that inherits our pipes would keep them open for ever.
 * Throws `tool-missing`, `tool-failed` with the log's last words.
 */
export async function runStarter(
  program: string,
  args: string[],
  options: Pick<ToolOptions, 'env' | 'cwd' | 'owner'> & { logFile: string },
): Promise<void> {
  const log = await open(options.logFile, 'a', 0o600)
  try {
    if (options.owner !== undefined && process.getuid?.() === 0) await log.chown(options.owner.uid, options.owner.gid)
    const spawnOptions: SpawnOptions = { env: { ...process.env, ...options.env }, stdio: ['ignore', log.fd, log.fd], detached: true }
    if (options.cwd !== undefined) spawnOptions.cwd = options.cwd
    if (options.owner !== undefined && process.getuid?.() === 0) Object.assign(spawnOptions, options.owner)
    const child = spawn(program, args, spawnOptions)
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', (cause) => reject(new DatapipeError('tool-missing', `cannot start ${program}`, { path: program, cause })))
      child.once('exit', (exitCode) => resolve(exitCode ?? -1))
    })
    if (code === 0) return
    const words = lastLines((await readFile(options.logFile, 'utf8')).slice(-tailLimit))
    throw new DatapipeError('tool-failed', `${nameOf(program)} failed with exit code ${code}: ${words}`, { path: options.logFile })
  } finally {
    await log.close()
  }
}
