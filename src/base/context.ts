import type { DatapipeEvent } from './events.ts'

/** What every engine function gets passed: how to be stopped, what time it is, where events go. */
export interface Context {
  /** Aborted on Ctrl-C and SIGTERM; every wait and loop honours it. */
  readonly signal: AbortSignal
  now(): Date
  emit(event: DatapipeEvent): void
}

/** Runs `work` as a named phase and emits its start and its end with seconds. */
export async function inPhase<T>(context: Context, name: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now()
  context.emit({ type: 'phase', name, status: 'start' })
  try {
    const value = await work()
    context.emit({ type: 'phase', name, status: 'done', seconds: (performance.now() - started) / 1000 })
    return value
  } catch (error) {
    context.emit({ type: 'phase', name, status: 'failed', seconds: (performance.now() - started) / 1000 })
    throw error
  }
}

/** A context that says nothing and is never stopped: for library callers and tests. */
export function silentContext(overrides: Partial<Context> = {}): Context {
  return { signal: new AbortController().signal, now: () => new Date(), emit: () => {}, ...overrides }
}
