import { readFile } from 'node:fs/promises'
import { errorCode } from '../storage/storage-error.ts'

/**
 * What distinguishes a process from a later one with the same pid: the boot and the start time in clock ticks after it
 * (field 22 of /proc/PID/stat, proc(5)). Undefined where there is no /proc, or no such process.
 */
export async function processBirth(pid: number): Promise<string | undefined> {
  try {
    const [boot, stat] = await Promise.all([readFile('/proc/sys/kernel/random/boot_id', 'utf8'), readFile(`/proc/${pid}/stat`, 'utf8')])
    // The second field, the program's name in parentheses, may hold spaces and parentheses itself.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return ticks === undefined ? undefined : `${boot.trim()}/${ticks}`
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes(errorCode(error) ?? '')) return undefined
    throw error
  }
}

/** Whether the process that had this pid and birth still runs. */
export async function isRunning(pid: number, birth: string | undefined): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return false
    if (errorCode(error) !== 'EPERM') throw error
  }
  const now = await processBirth(pid)
  return birth === undefined || now === undefined || now === birth
}
