import { DatapipeError, type ErrorCode } from '../../base/errors.ts'
import type { ComponentName } from '../../base/events.ts'
import type { Finding } from '../../base/finding.ts'

/** What stands in the way of a restore now, and need not when it is really run. */
const tellable: ReadonlySet<ErrorCode> = new Set(['target-not-empty', 'target-is-source', 'partitions-differ', 'group-not-applied'])

/** How a plan deals with refusals: a restore is ended by one, a dry run tells of it and goes on. */
export interface Refusals {
  readonly findings: Finding[]
  /** The work's result, or `otherwise` after a refusal that was told. */
  look<T>(component: ComponentName, work: Promise<T>, otherwise: T): Promise<T>
  /** Throws the refusal, or tells it. */
  refuse(component: ComponentName, error: DatapipeError): void
}

export function tellRefusals(dryRun: boolean): Refusals {
  const findings: Finding[] = []
  const refuse = (component: ComponentName, error: DatapipeError) => {
    if (!dryRun || !tellable.has(error.code)) throw error
    const { path = component, message, hint } = error
    findings.push({ severity: 'harm', code: 'would-refuse', component, item: path, message: `a restore would be refused: ${message}`, next: hint })
  }
  return {
    findings,
    refuse,
    async look(component, work, otherwise) {
      try {
        return await work
      } catch (error) {
        if (!(error instanceof DatapipeError)) throw error
        refuse(component, error)
        return otherwise
      }
    },
  }
}
