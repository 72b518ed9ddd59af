import type { DatapipeEvent } from '../../base/events.ts'
import type { Output, Renderer } from './renderer.ts'

const everyMs = 1000

export interface JsonOptions {
  stdout: Output
  /** Milliseconds, monotonic. */
  clock: () => number
  /** Results and errors, warnings and findings only. */
  quiet: boolean
}

/**
 * Every event as one line of JSON on stdout; the last one is `result` or `error`. Progress at most once a second per task, and always
 * its end. bigint becomes a decimal string.
 */
export function jsonRenderer({ stdout, clock, quiet }: JsonOptions): Renderer {
  const shown = new Map<string, number>()
  const isDue = (event: DatapipeEvent & { type: 'progress' }): boolean => {
    const now = clock()
    const before = shown.get(event.task)
    if (event.done !== event.total && before !== undefined && now - before < everyMs) return false
    shown.set(event.task, now)
    return true
  }
  return {
    event(event) {
      if (event.type === 'progress' && (quiet || !isDue(event))) return
      if (quiet && (event.type === 'phase' || (event.type === 'log' && event.level !== 'warning'))) return
      stdout.write(`${JSON.stringify(event, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))}\n`)
    },
    close() {},
  }
}
