import { readFileSync } from 'node:fs'
import { processTree } from './run-processes.ts'

/**
 * Resident memory of a process and its descendants in bytes, as proportional set size: a page that several of them share
 * (PostgreSQL's shared buffers) counts once, not once each.
 */
export function residentMemory(pid: number): number {
  return processTree(pid).reduce((sum, each) => sum + proportionalSetSize(each), 0)
}

function proportionalSetSize(pid: number): number {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return 0
    throw error
  }
  return Number(/^Pss:\s*(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024
}
