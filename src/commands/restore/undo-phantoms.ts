import type { DatapipeConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import type { PlanStep, RestoreOutcome } from '../../components/component.ts'
import type { Backup } from '../../repository/open-backup.ts'
import type { PhantomPlan } from './phantoms.ts'
import { compensatePhantoms } from './compensate-phantoms.ts'
import { planTruncate, truncatePhantoms } from './truncate-phantoms.ts'

export interface UndoOptions {
  config: DatapipeConfig
  backup: Backup
  phantoms: PhantomPlan | undefined
  context: Context
}

/** What the chosen way needs, looked at before anything is touched. Throws as `planTruncate`. */
export async function planUndo({ config: { kafka }, backup, phantoms, context }: UndoOptions, inPlace: boolean): Promise<PlanStep[]> {
  if (phantoms === undefined || kafka === undefined) return []
  const groups = phantoms.way === 'truncate' ? await planTruncate({ config: kafka, backup, phantoms, context }, inPlace) : []
  return [...phantoms.steps, ...groups]
}

/** Does with phantoms what was chosen, before the restored database lets anybody in. */
export async function undoPhantoms({ config: { kafka }, backup, phantoms, context }: UndoOptions): Promise<RestoreOutcome[]> {
  if (phantoms === undefined || kafka === undefined) return []
  if (phantoms.way === 'truncate') return await truncatePhantoms({ config: kafka, backup, phantoms, context })
  return phantoms.way === 'compensate' ? await compensatePhantoms({ config: kafka, backup, phantoms, context }) : []
}
