import { readdirSync, readFileSync } from 'node:fs'
import type { ServerName } from './brokers.ts'
import { postmaster } from './postgres-server.ts'
import { identifyProcess, type ProcessIdentity } from './process-identity.ts'
import { recordedProcess, runVariable } from './server-process.ts'

/** The server's main process as it runs now; undefined when it does not. */
export function serverProcess(directory: string, component: ServerName): ProcessIdentity | undefined {
  return component === 'postgres' ? postmaster(directory) : recordedProcess(directory, component)
}

/**
 * Every process of a run: those that carry its id in their environment, also when their pid was never written down, and the
 * PostgreSQL that holds its data directory, also when a restore started it.
 */
export function processesOfRun(id: string, directory: string): ProcessIdentity[] {
  const marked = allPids().filter((pid) => readIfThere(`/proc/${pid}/environ`).split('\0').includes(`${runVariable}=${id}`))
  const database = postmaster(directory)
  const pids = new Set([...marked, ...(database === undefined ? [] : processTree(database.pid))])
  pids.delete(process.pid)
  return identities([...pids])
}

/** The processes that still live. */
export function identities(pids: number[]): ProcessIdentity[] {
  return pids.map(identifyProcess).filter((identity) => identity !== undefined)
}

/** A process and all that descend from it. */
export function processTree(root: number): number[] {
  const parents = new Map(allPids().map((pid) => [pid, Number(/^PPid:\s*(\d+)/m.exec(readIfThere(`/proc/${pid}/status`))?.[1])]))
  const tree = [root]
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child)
  return tree
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

/** Empty when the process is gone or belongs to somebody else: neither is one of ours. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
