import { readFileSync } from 'node:fs'

/** A process, named so that a later process with the same pid is not taken for it. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks after boot at which it started: field 22 of `/proc/PID/stat` (proc_pid_stat(5)). */
  readonly startTime: string
}

/** The process that has this pid now; undefined when there is none, or only a zombie that waits for its parent. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return undefined
    throw error
  }
  // Field 2, the program's name in brackets, may hold blanks and brackets itself: count from its last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, startTime] = [fields[0], fields[19]]
  if (state === 'Z' || state === 'X' || startTime === undefined) return undefined
  return { pid, startTime }
}

/** Whether that very process still lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startTime === identity.startTime
}

/** Sends a signal to that very process; false when it is gone already. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false
  try {
    return process.kill(identity.pid, signal)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false
    throw error
  }
}
