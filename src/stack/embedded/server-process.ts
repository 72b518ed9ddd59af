import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatapipeError } from '../../base/errors.ts'
import { waitUntil } from '../../base/wait-until.ts'
import type { ServerName } from './brokers.ts'
import { identifyProcess, isAlive, type ProcessIdentity, signalProcess } from './process-identity.ts'
import type { Run } from './run.ts'
import { runsDirectory } from './run-directory.ts'
import { lastWords, logFile, logSize } from './server-log.ts'

export interface ServerCommand {
  component: ServerName
  program: string
  args: string[]
  cwd: string
  /** Run under this uid and gid (root only). */
  user?: { uid: number; gid: number } | undefined
  /** True once the server answers. `logFrom`: the log's size when it was started. */
  answers: (logFrom: number) => Promise<boolean>
  timeoutMs: number
}

/** Names the run in the environment of every process that a stack starts, so that even one whose pid was never written down is found. */
export const runVariable = 'DATAPIPE_STACK_RUN'

/**
 * Starts a server in a session of its own (the terminal's Ctrl-C must not reach it before we stop it in order), its output
 * appended to its log, and waits until it answers. The environment is a clean one: JVMs and Quarkus take settings from it.
 * Throws `stack-failed` with the last log lines when it ends or does not answer in time; it does not run on then.
 */
export async function startServer(run: Run, command: ServerCommand): Promise<void> {
  const { component } = command
  const from = await logSize(run.directory, component)
  mkdirSync(join(run.directory, 'logs'), { recursive: true })
  mkdirSync(join(run.directory, 'pids'), { recursive: true })
  const log = openSync(logFile(run.directory, component), 'a')
  const child = spawn(command.program, command.args, {
    cwd: command.cwd,
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8', TZ: process.env.TZ, HOME: command.cwd, [runVariable]: run.state.id },
    ...(command.user === undefined ? {} : command.user),
  })
  closeSync(log)
  await once(child, 'spawn').catch((cause: unknown) => {
    throw new DatapipeError('stack-failed', `${component} could not be started: ${command.program}`, { cause })
  })
  child.unref()
  const identity = child.pid === undefined ? undefined : identifyProcess(child.pid)
  if (identity !== undefined) writeFileSync(pidFile(run.directory, component), JSON.stringify(identity))
  try {
    await waitUntil(
      async () => {
        if (identity === undefined || !isAlive(identity)) throw new DatapipeError('stack-failed', `${component} ended while it started`)
        return command.answers(from)
      },
      { what: `${component} to answer`, timeoutMs: command.timeoutMs, signal: run.context.signal },
    )
  } catch (error) {
    if (identity !== undefined) await endProcess(identity, [{ signal: 'SIGKILL', waitMs: 30_000 }])
    if (error instanceof DatapipeError && error.code === 'interrupted') throw error
    const words = await lastWords(run.directory, component, from)
    const message = error instanceof DatapipeError ? error.message : `${component} did not start`
    throw new DatapipeError('stack-failed', `${message}; its last log lines:\n${words}`, { path: keepLog(run, component), cause: error })
  }
}

/** The log of a failed start outlives the run's directory, which is removed when a stack cannot start. Returns its place. */
function keepLog(run: Run, component: ServerName): string {
  const kept = join(runsDirectory(), `failed-${run.state.id}-${component}.log`)
  copyFileSync(logFile(run.directory, component), kept)
  return kept
}

export function pidFile(directory: string, component: ServerName): string {
  return join(directory, 'pids', `${component}.json`)
}

/** The server's process as it was last started through the stack; undefined when it does not run. */
export function recordedProcess(directory: string, component: ServerName): ProcessIdentity | undefined {
  let identity: ProcessIdentity
  try {
    identity = JSON.parse(readFileSync(pidFile(directory, component), 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  return isAlive(identity) ? identity : undefined
}

export function forgetProcess(directory: string, component: ServerName): void {
  rmSync(pidFile(directory, component), { force: true })
}

/** Sends one signal after the other until the process has ended; throws `timeout` when it outlives the last. */
export async function endProcess(identity: ProcessIdentity, steps: { signal: NodeJS.Signals; waitMs: number }[]): Promise<void> {
  for (const [index, step] of steps.entries()) {
    if (!signalProcess(identity, step.signal)) return
    try {
      await waitUntil(() => !isAlive(identity), { what: `process ${identity.pid} to end after ${step.signal}`, timeoutMs: step.waitMs, everyMs: 50 })
      return
    } catch (error) {
      if (index === steps.length - 1) throw error
    }
  }
}
