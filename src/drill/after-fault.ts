import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatapipeError } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import { waitUntil } from '../base/wait-until.ts'
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
 * was half restored is wiped first. A killed restore may leave its fenced PostgreSQL running: that is stopped and moved away, as the refusal says.
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
    if (request.only === undefined || request.only.includes('postgres')) {
      if (await stopLeftServer(scene)) outcome.repeated.push('stop the fenced server')
      await stack.destroy('postgres')
    }
    if (up.length > 0) {
      outcome.repeated.push(`wipe --only ${up.join(' ')}`)
      await wipeWith(engine, up, context)
    }
    outcome.repeated.push('restore')
    // A topic's own restore was confirmed by its name, everything else by its being empty: what was wiped is this cluster's.
    return engine.restore({ ...request, inPlace: true }, context)
  }
}

/** `pg_ctl stop -m fast` for whatever server runs on the data directory; false when none does. */
async function stopLeftServer({ stack, context }: Scene): Promise<boolean> {
  const directory = stack.config('file:///nowhere').postgres?.dataDirectory ?? ''
  const file = join(directory, 'postmaster.pid')
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0])
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 'SIGINT')
  } catch (error) {
    // A server that was killed leaves its file.
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
  await waitUntil(() => !existsSync(file), {
    what: `the server that the killed restore left (pid ${pid}) to stop`,
    timeoutMs: 60_000,
    signal: context.signal,
  })
  return true
}
