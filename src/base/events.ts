import type { Finding } from './finding.ts'

export type ComponentName = 'postgres' | 'kafka' | 'registry' | 'connect'

/** Typed events travel from the engine to a renderer through `context.emit`; with `--json` each is a line. */
export type DatapipeEvent =
  /** A named phase of a command; `done` carries its duration. Phases may overlap. */
  | { type: 'phase'; name: string; status: 'start' | 'done' | 'failed'; seconds?: number }
  /** Progress of a long task: cumulative `done` of `total` (when known). `task` is stable over its life. */
  | { type: 'progress'; task: string; done: number; total?: number; unit: 'bytes' | 'records' | 'rows' | 'items' }
  | { type: 'log'; level: 'info' | 'warning' | 'debug'; component?: ComponentName; message: string }
  | { type: 'finding'; finding: Finding }
  /** The last line of a successful command in JSON mode. */
  | { type: 'result'; command: string; exitCode: number; result: unknown }
  /** The last line of a failed command in JSON mode. */
  | { type: 'error'; code: string; exitCode: number; message: string; path?: string; hint: string; reasons?: FailureReason[] }

/** One of several failures that a command tells of at once. */
export interface FailureReason {
  code: string
  message: string
  path?: string
  hint: string
}
