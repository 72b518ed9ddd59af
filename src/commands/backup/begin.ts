import type { DatapipeConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { connectorStates } from '../../components/connect/inventory.ts'
import { resumeConnectors } from '../../components/connect/control.ts'
import { newBackupId, planPath } from '../../repository/layout.ts'
import { newestId } from '../../repository/list-ids.ts'
import { discardUnfinished, resumeUnfinished } from '../../repository/unfinished.ts'
import { type BackupWriter, createBackupWriter } from '../../repository/write-backup.ts'
import { waitingPlans } from '../../repository/waiting-plans.ts'
import type { Storage } from '../../storage/storage.ts'
import { stoppedNote } from './take-point.ts'

interface BeginOptions {
  storage: Storage
  fresh: boolean
  config: DatapipeConfig
  context: Context
}

/**
 * Goes on with an unfinished backup, or begins a new one. A backup that was killed inside its barrier has left connectors stopped: its notes
 * name them, and they are resumed here, before anything else. Throws `locked` when one waits for its shards.
 */
export async function beginBackup({ storage, fresh, config, context }: BeginOptions): Promise<BackupWriter> {
  const [waiting] = await waitingPlans(storage)
  if (waiting !== undefined && !fresh) {
    throw new DatapipeError('locked', `backup ${waiting.id} is planned and waits for its shards`, {
      path: planPath(waiting.id),
      hint: `store them and run \`datapipe backup --merge --id ${waiting.id}\`, or give it up with --fresh`,
    })
  }
  if (waiting !== undefined) await discardUnfinished(storage, context)
  const adopted = await resumeUnfinished(storage, context)
  if (adopted !== undefined) await resumeLeftStopped(adopted, config, context)
  if (adopted !== undefined && !fresh) return adopted
  if (adopted !== undefined) await discardUnfinished(storage, context)
  return newBackup(storage, context)
}

/** Begins a new backup, whose id sorts behind every other. */
export async function newBackup(storage: Storage, context: Context): Promise<BackupWriter> {
  return createBackupWriter({ storage, context, id: newBackupId(context.now(), await newestId(storage)) })
}

async function resumeLeftStopped(adopted: BackupWriter, { connect }: DatapipeConfig, context: Context): Promise<void> {
  if (connect === undefined) return
  const named = adopted
    .component('connect')
    .notes()
    .filter(({ key }) => key === stoppedNote)
    .flatMap(({ note }) => (Array.isArray(note) ? note.map(String) : []))
  const stopped = (await connectorStates(connect, context)).filter(({ name, state }) => state === 'STOPPED' && named.includes(name))
  if (stopped.length === 0) return
  const names = stopped.map(({ name }) => name)
  context.emit({
    type: 'log',
    level: 'warning',
    component: 'connect',
    message: `resuming ${names.join(', ')}: a killed backup had left them stopped`,
  })
  await resumeConnectors(connect, names, context)
}
