import { spawn } from 'node:child_process'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'

export interface ServerStart {
  /** As in "start the <what>". */
  what: string
  /** A hook of the library's caller (the drill starts its own servers). */
  hook?: (() => Promise<void>) | undefined
  /** `startCommand` of datapipe.yaml, run by `sh -c`. */
  command?: string | undefined
  context: Context
}

/**
 * Starts a server of the user's in the middle of a restore: by hook, by command, or by asking the person to do it (the caller then waits
 * until the server answers). Throws `tool-failed` with the command's last words.
 */
export async function startServer({ what, hook, command, context }: ServerStart): Promise<void> {
  if (hook !== undefined) return hook()
  if (command === undefined) {
    context.emit({ type: 'log', level: 'warning', message: `start the ${what} now: the restore goes on as soon as it answers` })
    return
  }
  const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'ignore', 'pipe'], signal: context.signal })
  let words = ''
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-4000)
  })
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    // 'exit', not 'close': a server that the command left running in the background may hold the pipe open.
    child.once('exit', (value) => resolve(value ?? -1))
  })
  if (code !== 0) throw new DatapipeError('tool-failed', `the start command of the ${what} ended with ${code}: ${words.trim()}`, { path: command })
}
