import type { Context } from '../../base/context.ts'
import type { Finding } from '../../base/finding.ts'

export interface Phase {
  name: string
  seconds: number
}

export interface Recording {
  context: Context
  phases: Phase[]
  findings: Finding[]
}

/** A context that also keeps what passes through it: finished phases with their seconds, and findings. */
export function recording(context: Context): Recording {
  const phases: Phase[] = []
  const findings: Finding[] = []
  const recorder: Context = {
    signal: context.signal,
    now: () => context.now(),
    emit: (event) => {
      if (event.type === 'phase' && event.status === 'done') phases.push({ name: event.name, seconds: event.seconds ?? 0 })
      if (event.type === 'finding') findings.push(event.finding)
      context.emit(event)
    },
  }
  return { context: recorder, phases, findings }
}
