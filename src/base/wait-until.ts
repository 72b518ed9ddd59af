import { setTimeout as sleep } from 'node:timers/promises'
import { DatapipeError } from './errors.ts'

export interface WaitOptions {
  /** What is waited for, as in "timed out waiting for <what>". */
  what: string
  /** Milliseconds until it counts as a hang; generous, it is there to fail, not to pace. */
  timeoutMs: number
  signal?: AbortSignal
  /** Milliseconds between looks (default 100). */
  everyMs?: number
  /** Last words on timeout, e.g. the server's last log lines. */
  lastWords?: () => string | Promise<string>
}

/**
 * Calls `look` until it gives something other than undefined or false, and returns that.
 * An error thrown by `look` ends the wait. Throws `timeout` with the last words, `interrupted` on abort.
 */
export async function waitUntil<T>(look: () => Promise<T | undefined | false> | T | undefined | false, options: WaitOptions): Promise<T> {
  const deadline = performance.now() + options.timeoutMs
  for (;;) {
    if (options.signal?.aborted) throw new DatapipeError('interrupted', `interrupted while waiting for ${options.what}`)
    const value = await look()
    if (value !== undefined && value !== false) return value
    if (performance.now() > deadline) {
      const words = options.lastWords === undefined ? '' : await options.lastWords()
      throw new DatapipeError(
        'timeout',
        `timed out after ${Math.round(options.timeoutMs / 1000)} s waiting for ${options.what}${words ? `\n${words}` : ''}`,
      )
    }
    await sleep(options.everyMs ?? 100)
  }
}
