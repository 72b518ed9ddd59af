import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Context } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import { type EmbeddedStack, openEmbeddedStack, startEmbeddedStack } from '../stack/embedded/index.ts'
import { listRuns } from '../stack/embedded/list-runs.ts'
import { type NextCommand, playCommands } from '../stack/embedded/play.ts'

export interface StackUpOptions {
  context: Context
  /** All four when left out. */
  components?: ComponentName[]
  install?: boolean
  directory?: string
  /** TLS and passwords on PostgreSQL, Kafka and the registry. */
  secure?: boolean
  /** Kafka brokers (default 1). */
  brokers?: number
  /** Goes into the printed configuration; `datapipe-backups` below the working directory when left out. */
  repositoryUrl?: string
}

export interface StackUpResult {
  directory: string
  /** A `datapipe.yaml` for the stack, as text and as a file in its directory; secrets are references to files. */
  configText: string
  configFile: string
  /** What to type first. */
  next: NextCommand[]
  servers: ServerStatus[]
  versions: Record<string, string>
}

export interface ServerStatus {
  component: ComponentName
  running: boolean
  /** Where it listens: `127.0.0.1:PORT`. */
  address: string
  /** Resident bytes; 0 when it does not run. */
  memory: number
  logFile: string
}

export interface StackStatus {
  directory: string
  createdAt: string
  /** `command`: it stays until `datapipe stack down`; `process`: it goes with the run that started it. */
  livesWith: 'command' | 'process'
  servers: ServerStatus[]
  versions: Record<string, string>
}

/** Starts a stack that outlives this process. */
export async function stackUp(options: StackUpOptions): Promise<StackUpResult> {
  const { repositoryUrl = pathToFileURL(resolve('datapipe-backups')).href, ...rest } = options
  const stack = await startEmbeddedStack({ ...rest, detached: true })
  const configText = stack.configText(repositoryUrl)
  const configFile = join(stack.directory, 'datapipe.yaml')
  await writeFile(configFile, configText, { mode: 0o600 })
  const next = await playCommands(stack, configFile)
  return { directory: stack.directory, configText, configFile, next, servers: await stack.status(), versions: await stack.versions() }
}

/** Stops every server and removes the directory, data included. */
export async function stackDown(options: { context: Context; directory?: string; keep?: boolean }): Promise<{ directory: string }> {
  const stack = await chosenStack(options)
  await stack.down({ keep: options.keep ?? false })
  return { directory: stack.directory }
}

/** One stack, or every one of this user when no directory is named. */
export async function stackStatus(options: { context: Context; directory?: string }): Promise<StackStatus[]> {
  const directories = options.directory === undefined ? (await listRuns()).map((run) => run.directory) : [options.directory]
  return Promise.all(
    directories.map(async (directory) => {
      const stack = await openEmbeddedStack(directory, options.context)
      const { createdAt, detached } = stack.origin
      return {
        directory: stack.directory,
        createdAt,
        livesWith: detached ? 'command' : 'process',
        servers: await stack.status(),
        versions: await stack.versions(),
      }
    }),
  )
}

export interface StackServerOptions {
  context: Context
  component: ComponentName
  directory?: string
}

/** Starts one server again and waits until it answers; what a restore calls as `startCommand`. */
export async function stackStart(options: StackServerOptions): Promise<{ component: ComponentName }> {
  const stack = await chosenStack(options)
  await stack.start(options.component)
  return { component: options.component }
}

/** Stops one server; its data stay. */
export async function stackStop(options: StackServerOptions): Promise<{ component: ComponentName }> {
  const stack = await chosenStack(options)
  await stack.stop(options.component)
  return { component: options.component }
}

/** The stack in the named directory, or the only one that `stack up` started. */
async function chosenStack(options: { context: Context; directory?: string }): Promise<EmbeddedStack> {
  if (options.directory !== undefined) return openEmbeddedStack(options.directory, options.context)
  const runs = (await listRuns()).filter((run) => run.state.owner === null)
  const [only] = runs
  if (only !== undefined && runs.length === 1) return openEmbeddedStack(only.directory, options.context)
  const list = runs.map((run) => `\n  ${run.directory}`).join('')
  throw new DatapipeError('usage', runs.length === 0 ? 'no stack is up' : `several stacks are up:${list}`, {
    hint: runs.length === 0 ? 'start one: datapipe stack up' : 'name one with --directory',
  })
}
