import type { Context } from '../base/context.ts'
import { DatapipeError, describeError } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import type { Stack } from '../stack/stack.ts'
import type { Engine } from './engine.ts'

/** What goes wrong in the middle of a command. */
export const faultKinds = ['engine killed', 'storage full', 'postgres killed', 'kafka killed', 'registry killed', 'connect killed'] as const
export type FaultKind = (typeof faultKinds)[number]

export interface Fault {
  during: 'backup' | 'restore'
  what: FaultKind
  /** Happens when this phase of the command begins; a full storage is full from the start. */
  phase: string
}

/** What became of a fault: evidence. */
export interface FaultOutcome extends Fault {
  /** The phase came, so that the fault really happened. */
  happened: boolean
  /** How the command ended: null when it lived through it. */
  error: { code: string; message: string } | null
  /** Commands that were needed behind it. */
  repeated: string[]
}

/** A file of this size is written by every backup: its base backup alone is larger. */
const fullAt = 1024 ** 2

/**
 * Runs the command with the fault in its middle. A server that was killed is started again at once, as its supervisor would. Returns what the
 * command returned, or undefined when it failed, and how.
 */
export async function withFault<T>(options: {
  fault: Fault
  stack: Stack
  engine: Engine
  context: Context
  command: (context: Context) => Promise<T>
}): Promise<{ result: T | undefined; outcome: FaultOutcome }> {
  const { fault, stack, engine, context, command } = options
  const { kill, onFullStorage } = engine
  if (kill === undefined || onFullStorage === undefined) throw new DatapipeError('usage', 'faults need an engine in a process of its own')
  let happened = fault.what === 'storage full'
  const restarts: Promise<void>[] = []
  const through: Context = {
    ...context,
    now: () => context.now(),
    emit: (event) => {
      context.emit(event)
      if (happened || event.type !== 'phase' || event.status !== 'start' || event.name !== fault.phase) return
      happened = true
      context.emit({ type: 'log', level: 'info', message: `fault: ${fault.what}, at the beginning of "${fault.phase}"` })
      if (fault.what === 'engine killed') kill()
      else restarts.push(restart(stack, componentOf(fault.what)))
    },
  }
  const outcome = (error: FaultOutcome['error']): FaultOutcome => ({ ...fault, happened, error, repeated: [] })
  try {
    const result = await (fault.what === 'storage full' ? onFullStorage(fullAt, () => command(through)) : command(through))
    await Promise.all(restarts)
    return { result, outcome: outcome(null) }
  } catch (error) {
    await Promise.all(restarts)
    if (context.signal.aborted || !happened) throw error
    const code = error instanceof DatapipeError ? error.code : 'internal'
    return { result: undefined, outcome: outcome({ code, message: describeError(error) }) }
  }
}

async function restart(stack: Stack, component: ComponentName): Promise<void> {
  await stack.kill(component)
  await stack.start(component)
}

function componentOf(what: FaultKind): ComponentName {
  return what.replace(' killed', '') as ComponentName
}
