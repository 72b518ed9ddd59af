import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import type { RunState } from './state.ts'

/** One embedded stack, as the files of this folder pass it around. */
export interface Run {
  readonly directory: string
  readonly state: RunState
  readonly context: Context
}

export const secretNames = ['postgres', 'registry', 'kafka', 'kafka-broker'] as const
export type SecretName = (typeof secretNames)[number]

/** A generated secret of the run; `secrets/` is readable by its owner alone. */
export function readSecret(run: Run, name: SecretName): string {
  return readFileSync(secretFile(run, name), 'utf8').trim()
}

export function secretFile(run: Run, name: SecretName): string {
  return join(run.directory, 'secrets', name)
}

/** A program of the run; `stack-failed` when it was started without the component that needs it. */
export function programOf(run: Run, name: 'java' | 'postgresBin'): string {
  const program = run.state.programs[name]
  if (program === undefined)
    throw new DatapipeError('stack-failed', `this stack was started without ${name === 'java' ? 'Java servers' : 'PostgreSQL'}`)
  return program
}

export function jarsOf(run: Run): string {
  if (run.state.jars === undefined) throw new DatapipeError('stack-failed', 'this stack was started without Java servers')
  return run.state.jars
}
