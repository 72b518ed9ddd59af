import { readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { runsDirectory } from './run-directory.ts'
import { type RunState, readState } from './state.ts'

/** The stacks of this user that have a state file, running or not, oldest first. */
export async function listRuns(): Promise<{ directory: string; state: RunState }[]> {
  const parent = runsDirectory()
  const runs: { directory: string; state: RunState }[] = []
  for (const name of await readdir(parent)) {
    if (!name.startsWith('run-')) continue
    const directory = join(parent, name)
    const state = await readState(directory)
    if (state !== undefined) runs.push({ directory: await realpath(directory), state })
  }
  return runs.sort((a, b) => a.state.createdAt.localeCompare(b.state.createdAt))
}
