import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { startTool } from '../../clients/exec.ts'

/** A Java tool on half a processor takes seconds to start; one that is silent for this long hangs. */
const limitMs = 120_000

export interface ProgramRun {
  stdout: string
  /** The last lines. */
  stderr: string
}

/**
 * Runs a program of PATH to its end, which is well with exit code 0, or `exits`. Throws `tool-missing` when it is not there, `tool-failed` with everything it said (Java's tools
 * complain on stdout too), `timeout` after two minutes, `interrupted`.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: { context: Context; env?: Record<string, string>; input?: string; cwd?: string; exits?: number },
): Promise<ProgramRun> {
  const { context, input, exits = 0, ...rest } = options
  const limit = AbortSignal.timeout(limitMs)
  await using tool = await startTool(program, [...args], { ...rest, stdout: 'pipe', stdin: input !== undefined })
  const stop = () => void tool.stop()
  const signal = AbortSignal.any([context.signal, limit])
  signal.addEventListener('abort', stop, { once: true })
  // A program that ends without reading its input breaks the pipe: its exit code tells more.
  const written = input === undefined ? undefined : pipeline(Readable.from([input]), tool.stdin).catch(() => undefined)
  const stdout = await text(tool.stdout)
  const exitCode = await tool.ended
  await written
  signal.removeEventListener('abort', stop)
  const said = [tool.lastWords(), stdout.trim().split('\n').slice(-5).join('\n')].filter((part) => part !== '').join('\n')
  if (context.signal.aborted) throw new DatapipeError('interrupted', `interrupted during ${program}`)
  if (limit.aborted) throw new DatapipeError('timeout', `${program} did not end within ${limitMs / 1000} s: ${said}`)
  if (exitCode === exits) return { stdout, stderr: tool.lastWords() }
  const how = exitCode < 0 ? 'was ended by a signal' : `failed with exit code ${exitCode}`
  throw new DatapipeError('tool-failed', `${program} ${how}${said === '' ? '' : `: ${said}`}`, { path: program })
}
