import { mkdir } from 'node:fs/promises'
import type { Context } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import type { DatapipeEvent } from '../base/events.ts'
import type { ContainersStack } from '../stack/containers/index.ts'
import { EngineContainer } from '../stack/containers/engine-container.ts'
import { type DrillPlace, repositoryDirectory } from './drill-config.ts'
import { type Engine, restoreArguments, rowsArguments, wipeArguments } from './engine.ts'
import { errorOfEvent, withCounts } from './engine-answers.ts'

export interface EngineImage {
  image: string
  /** Limits of its container. */
  memoryBytes: number
  cpus: number
}

/** The engine as in production: `datapipe` of the backup-tools image, in a container under limits beside the servers. */
export async function engineInImage(place: DrillPlace & { stack: ContainersStack }, limits: EngineImage, context: Context): Promise<Engine> {
  const directory = repositoryDirectory(place.directory)
  await mkdir(directory, { recursive: true })
  const container = await EngineContainer.start({
    stack: place.stack,
    ...limits,
    repositoryDirectory: directory,
    archiveMode: place.archiveMode,
    signal: context.signal,
  })
  const run = <T>(args: string[], through: Context) => runCommand<T>(container, args, through)
  return {
    place: { image: limits.image, memoryBytes: limits.memoryBytes, cpus: limits.cpus },
    backup: (through, options) => run(['backup', ...(options?.withoutBarrier ? ['--no-barrier'] : [])], through),
    verify: (id, through) => run(['verify', id], through),
    show: async (id, through) => withCounts(await run(['show', id], through)),
    restore: (request, through) => run(restoreArguments(request), through),
    rows: (request, through) => run(rowsArguments(request), through),
    diff: (a, b, through) => run(['diff', a, b], through),
    wipe: (options, through) => run(wipeArguments(options), through),
    memory: () => container.memory(),
    peakMemory: () => container.peakMemory(),
    [Symbol.asyncDispose]: () => container[Symbol.asyncDispose](),
  }
}

/** Runs one command with `--json`: its events become ours, its error one of ours, its result is what the last line says. */
async function runCommand<T>(container: EngineContainer, args: string[], context: Context): Promise<T> {
  let last: DatapipeEvent | undefined
  const { code, words } = await container.run(['datapipe', '--config', container.configFile, '--json', ...args], {
    signal: context.signal,
    onLine: (line) => {
      last = JSON.parse(line) as DatapipeEvent
      if (last.type !== 'result' && last.type !== 'error') context.emit(last)
    },
  })
  if (context.signal.aborted) throw new DatapipeError('interrupted', `interrupted during ${args[0]}`)
  if (last?.type === 'result') return last.result as T
  if (last?.type === 'error') throw errorOfEvent(last)
  const killed = (await container.oomKills()) > 0 ? ' (the kernel killed a process of it for want of memory)' : ''
  throw new DatapipeError('tool-failed', `datapipe ${args[0]} ended with ${code} and without a result${killed}: ${words}`, { path: container.image })
}
