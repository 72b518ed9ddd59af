import { rmSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { isAlive, signalProcess } from './process-identity.ts'
import { removeRunDirectory, runsDirectory } from './run-directory.ts'
import { processesOfRun } from './run-processes.ts'
import { readState } from './state.ts'

/**
 * Ends the servers and removes the directories that killed runs left behind: those whose owner is dead. Runs without an owner
 * (`datapipe stack up`) and those of other machines that share the directory stay. Returns the ids of what was swept.
 */
export async function sweep(context: Context): Promise<string[]> {
  const swept: string[] = []
  const parent = runsDirectory()
  for (const name of await readdir(parent)) {
    const path = join(parent, name)
    if (name.startsWith('.new-')) await removeWhenOld(path, hour)
    if (name.startsWith('failed-')) await removeWhenOld(path, 48 * hour)
    if (!name.startsWith('run-')) continue
    const state = await readState(path).catch((error: unknown) => {
      // Another version's: it sweeps its own.
      if (!(error instanceof DatapipeError)) throw error
      return 'foreign' as const
    })
    if (state === 'foreign') continue
    if (state === undefined) {
      // A link to a directory that is gone, or a removal that was interrupted after the state file went: nothing runs there.
      await killRun(name.slice('run-'.length), path)
      await removeWhenOld(path, hour)
      continue
    }
    if (state.owner === null || state.host !== hostname() || isAlive(state.owner)) continue
    await killRun(state.id, path)
    await removeRunDirectory(path, state.id)
    context.emit({ type: 'log', level: 'info', message: `swept the stack that a killed run left behind (${path})` })
    swept.push(state.id)
  }
  return swept
}

/** Kills every process of the run, again until there is none: a server may just be starting another one. */
export async function killRun(id: string, directory: string): Promise<void> {
  await waitUntil(
    () => {
      const processes = processesOfRun(id, directory)
      for (const each of processes) signalProcess(each, 'SIGKILL')
      return processes.length === 0
    },
    { what: `the processes of run ${id} to end`, timeoutMs: 60_000 },
  )
}

/** The last resort when the owner exits without tearing down (an error that nobody caught): no waiting is possible any more. */
export function killNow(id: string, directory: string): void {
  for (const each of processesOfRun(id, directory)) signalProcess(each, 'SIGKILL')
  rmSync(directory, { recursive: true, force: true })
}

const hour = 3_600_000

async function removeWhenOld(path: string, age: number): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined || Date.now() - found.mtimeMs > age) await rm(path, { recursive: true, force: true })
}
