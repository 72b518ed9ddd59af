import { readdir, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Context } from '../../base/context.ts'
import { docker } from '../../image/docker.ts'
import { isAlive } from '../embedded/process-identity.ts'
import { runsDirectory } from '../embedded/run-directory.ts'
import { removeDirectory } from './remove-directory.ts'
import { ownerLabel, runLabel, runStateSchema } from './run.ts'
import { directoryPrefix } from './run-directory.ts'

/** What is removed of a run, in this order: a network cannot go before its containers. */
const kinds = [
  { list: ['ps', '--all', '--quiet'], remove: ['rm', '--force', '--volumes'] },
  { list: ['network', 'ls', '--quiet'], remove: ['network', 'rm'] },
  { list: ['volume', 'ls', '--quiet'], remove: ['volume', 'rm', '--force'] },
] as const

/** Removes every container, network and volume of the run. */
export async function removeRun(id: string): Promise<void> {
  for (const { list, remove } of kinds) {
    const found = words(await docker([...list, '--filter', `label=${runLabel}=${id}`]))
    if (found.length > 0) await docker([...remove, ...found])
  }
}

/**
 * Removes what killed runs of this machine left behind: containers, networks, volumes, directories. Those of a living process stay.
 * Returns the ids of what was swept.
 */
export async function sweepContainers(context: Context): Promise<string[]> {
  const swept = new Set<string>()
  for (const { id, owner } of await labelledRuns()) {
    if (swept.has(id) || !isDead(owner)) continue
    await removeRun(id)
    swept.add(id)
  }
  const parent = runsDirectory()
  for (const name of await readdir(parent)) {
    if (!name.startsWith(directoryPrefix)) continue
    const directory = join(parent, name)
    const state = await stateIn(directory)
    if (state === undefined || !isDead(`${state.host} ${state.owner.pid} ${state.owner.startTime}`)) continue
    await removeDirectory(directory, state.images.postgres)
    swept.add(state.id)
  }
  for (const id of swept) context.emit({ type: 'log', level: 'info', message: `swept the containers stack that a killed run left behind (${id})` })
  return [...swept]
}

async function labelledRuns(): Promise<{ id: string; owner: string }[]> {
  const runs: { id: string; owner: string }[] = []
  for (const what of [
    ['ps', '--all'],
    ['network', 'ls'],
    ['volume', 'ls'],
  ]) {
    const format = `{{.Label "${runLabel}"}} {{.Label "${ownerLabel}"}}`
    const lines = (await docker([...what, '--filter', `label=${runLabel}`, '--format', format])).split('\n')
    for (const line of lines) {
      const [id, ...owner] = line.split(' ')
      if (id !== undefined && id !== '') runs.push({ id, owner: owner.join(' ') })
    }
  }
  return runs
}

/** `HOST PID STARTTIME`. What runs on other machines that share the engine cannot be told from here: it counts as alive. */
function isDead(owner: string): boolean {
  const [host, pid, startTime] = owner.split(' ')
  if (host !== hostname() || startTime === undefined) return false
  return !isAlive({ pid: Number(pid), startTime })
}

/** Undefined while another process is just making the directory. */
async function stateIn(directory: string) {
  const text = await readFile(join(directory, 'state.json'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : runStateSchema.safeParse(JSON.parse(text)).data
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}
