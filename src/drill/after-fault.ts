import { DatapipeError } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import type { BackupResult } from '../commands/backup.ts'
import type { RestoreResult } from '../commands/restore.ts'
import type { RestoreRequest } from './engine.ts'
import type { FaultOutcome } from './fault.ts'
import type { Scene } from './losses.ts'
import { wipeWith } from './wipe-with.ts'

/** What a person does when a backup failed: types it again. It must do. */
export async function repeatBackup({ engine, context }: Scene, options: { withoutBarrier: boolean }, outcome: FaultOutcome): Promise<BackupResult> {
  outcome.repeated.push('backup')
  return engine.backup(context, options)
}

/**
 * What a person does when a restore failed: types it again; where the first try has left half of its work, it is refused, and what
 * was half restored is wiped first. PostgreSQL is not: the next try goes on with the recovered server, or begins anew.
 */
export async function repeatRestore(scene: Scene, request: RestoreRequest, outcome: FaultOutcome): Promise<RestoreResult> {
  const { engine, stack, context } = scene
  outcome.repeated.push('restore')
  try {
    return await engine.restore(request, context)
  } catch (error) {
    if (!(error instanceof DatapipeError) || error.code !== 'target-not-empty') throw error
    const wanted = (request.only ?? ['connect', 'registry', 'kafka']).filter((name) => name !== 'postgres')
    const up: ComponentName[] = []
    for (const name of wanted) if (await stack.isRunning(name)) up.push(name)
    outcome.repeated.push(`wipe --only ${up.join(' ')}`, 'restore')
    await wipeWith(engine, up, context)
    // A topic's own restore was confirmed by its name, everything else by its being empty: what was wiped is this cluster's.
    return engine.restore({ ...request, inPlace: true }, context)
  }
}
