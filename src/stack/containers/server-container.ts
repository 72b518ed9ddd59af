import { createWriteStream } from 'node:fs'
import type { Readable } from 'node:stream'
import type { StartedTestContainer } from 'testcontainers'
import { DatapipeError } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { docker } from '../../image/docker.ts'
import { lastWords, logFile, logSize } from '../embedded/server-log.ts'
import { nameOf, type Run } from './run.ts'

export interface ServerStart {
  component: ComponentName
  /** Starts the container; what it prints goes to `log`. */
  start: (log: (stream: Readable) => void) => Promise<StartedTestContainer>
  /** True once the server answers from this machine: an open port proves nothing, the engine's proxy listens before the server does. */
  answers: () => Promise<boolean>
  timeoutMs: number
}

/**
 * Starts a server's container and waits until it answers. Throws `stack-failed` with its last log lines when it ends or does not answer
 * in time, `interrupted`; it does not run on then.
 */
export async function startServer(run: Run, { component, start, answers, timeoutMs }: ServerStart): Promise<void> {
  const from = await logSize(run.directory, component)
  const log = (stream: Readable) => {
    stream.pipe(createWriteStream(logFile(run.directory, component), { flags: 'a' }))
  }
  // The library's start cannot be interrupted: its container is taken away from it.
  const abandon = () => void removeServer(run, component)
  run.context.signal.addEventListener('abort', abandon, { once: true })
  try {
    await start(log)
    await waitUntil(
      async () => {
        if (!(await isRunning(run, component))) throw new DatapipeError('stack-failed', `${component} ended while it started`)
        return answers()
      },
      { what: `${component} to answer`, timeoutMs, signal: run.context.signal, everyMs: 250 },
    )
  } catch (error) {
    const words = await lastWords(run.directory, component, from)
    await removeServer(run, component)
    if (run.context.signal.aborted) throw new DatapipeError('interrupted', `interrupted while ${component} was starting`, { cause: error })
    throw new DatapipeError('stack-failed', `${component} did not start; its last log lines:\n${words}`, { cause: error })
  } finally {
    run.context.signal.removeEventListener('abort', abandon)
  }
}

export async function isRunning(run: Run, component: ComponentName): Promise<boolean> {
  return (await docker(['ps', '--quiet', '--filter', `name=^${nameOf(run, component)}$`])).trim() !== ''
}

/** Removes a server's container, running or not; SIGKILL when it runs. Its log stays in the run's directory. */
export async function removeServer(run: Run, component: ComponentName): Promise<void> {
  const found = (await docker(['ps', '--all', '--quiet', '--filter', `name=^${nameOf(run, component)}$`])).trim()
  if (found !== '') await docker(['rm', '--force', '--volumes', found])
}
