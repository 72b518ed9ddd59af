import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Context } from '../base/context.ts'
import { DatapipeError } from '../base/errors.ts'
import type { DatapipeEvent } from '../base/events.ts'
import type { EmbeddedStack } from '../stack/embedded/embedded-stack.ts'
import { repositoryDirectory } from './drill-config.ts'
import { type Engine, restoreArguments, rowsArguments, wipeArguments } from './engine.ts'
import { errorOfEvent, withCounts } from './engine-answers.ts'

const program = fileURLToPath(new URL('../cli/main.ts', import.meta.url))

/** The engine as people run it: each command `datapipe` in a process of its own, which can be killed, with a datapipe.yaml in `directory`. */
export async function engineInChild({ stack, directory }: { stack: EmbeddedStack; directory: string }): Promise<Engine> {
  const configFile = join(directory, 'datapipe.yaml')
  await writeFile(configFile, stack.configText(pathToFileURL(repositoryDirectory(directory)).href), { mode: 0o600 })
  let running: ChildProcess | undefined
  let fileLimit: number | undefined

  const run = async <T>(args: string[], context: Context): Promise<T> => {
    const command = [process.execPath, '--disable-warning=ExperimentalWarning', program, '--config', configFile, '--json', ...args]
    const limited = fileLimit === undefined ? command : ['prlimit', `--fsize=${fileLimit}`, ...command]
    const child = spawn(limited[0] as string, limited.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
    running = child
    const interrupt = () => void child.kill('SIGINT')
    context.signal.addEventListener('abort', interrupt, { once: true })
    let last: DatapipeEvent | undefined
    let words = ''
    child.stderr.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString('utf8')).slice(-4000)
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      last = JSON.parse(line) as DatapipeEvent
      if (last.type !== 'result' && last.type !== 'error') context.emit(last)
    })
    try {
      const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
      if (context.signal.aborted) throw new DatapipeError('interrupted', `interrupted during ${args[0]}`)
      if (last?.type === 'result') return last.result as T
      if (last?.type === 'error') throw errorOfEvent(last)
      throw new DatapipeError('tool-failed', `datapipe ${args[0]} ended with ${signal ?? code} and without a result: ${words}`, { path: configFile })
    } finally {
      running = undefined
      context.signal.removeEventListener('abort', interrupt)
    }
  }

  return {
    place: 'process',
    backup: (context, options) => run(['backup', ...(options?.withoutBarrier ? ['--no-barrier'] : [])], context),
    verify: (id, context) => run(['verify', id], context),
    show: async (id, context) => withCounts(await run(['show', id], context)),
    restore: (request, context) => run(restoreArguments(request), context),
    rows: (request, context) => run(rowsArguments(request), context),
    diff: (a, b, context) => run(['diff', a, b], context),
    wipe: (options, context) => run(wipeArguments(options), context),
    kill: () => void running?.kill('SIGKILL'),
    onFullStorage: async (bytes, command) => {
      fileLimit = bytes
      try {
        return await command()
      } finally {
        fileLimit = undefined
      }
    },
    memory: async () => undefined,
    peakMemory: async () => undefined,
    [Symbol.asyncDispose]: async () => {},
  }
}
