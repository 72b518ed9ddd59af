import { type Context, inPhase } from '../../base/context.ts'
import { DatapipeError, describeError } from '../../base/errors.ts'

export type ToolPart = 'kafka' | 'avro' | 'postgres' | 'http' | 'engine'

/** One row of `datapipe tools`. */
export interface ToolItem {
  part: ToolPart
  /** The program as it is typed, or `package NAME` for one that the engine loads. */
  tool: string
  /** What was tried: `starts`, or an act such as `lists the topics`. */
  act: string
  /** `not run` never counts as pass. */
  verdict: 'pass' | 'fail' | 'not run'
  /** What was seen: a version, a count; the program's own words when it failed; the reason when it was not run. */
  detail: string
  /** Wall time, start of the program included. */
  seconds: number
}

/** What an act saw, or why it could not be tried. A failure is thrown. */
export type Attempt = string | { notRun: string }

export interface Act {
  part: ToolPart
  tool: string
  act: string
  attempt: () => Promise<Attempt>
}

/** Does one act. What it throws is the row's detail; only an interruption goes further. */
export async function tryAct({ part, tool, act, attempt }: Act, context: Context): Promise<ToolItem> {
  const started = performance.now()
  const item = (verdict: ToolItem['verdict'], detail: string): ToolItem => ({
    part,
    tool,
    act,
    verdict,
    detail,
    seconds: (performance.now() - started) / 1000,
  })
  try {
    const seen = await attempt()
    return typeof seen === 'string' ? item('pass', seen) : item('not run', seen.notRun)
  } catch (error) {
    if (context.signal.aborted) throw error
    // The program's own words are the message already; its error object would only repeat them.
    return item('fail', error instanceof DatapipeError && error.code === 'tool-failed' ? error.message : describeError(error))
  }
}

/** Acts in order, as the phase `task`: a later one may need what an earlier one saw. */
export async function tryInOrder(task: string, acts: readonly Act[], context: Context): Promise<ToolItem[]> {
  return await inPhase(context, task, async () => {
    const items: ToolItem[] = []
    for (const act of acts) {
      items.push(await tryAct(act, context))
      context.emit({ type: 'progress', task, done: items.length, total: acts.length, unit: 'items' })
    }
    return items
  })
}
