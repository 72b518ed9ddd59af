import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ServerName } from './brokers.ts'

export function logFile(directory: string, component: ServerName): string {
  return join(directory, 'logs', `${component}.log`)
}

/** Bytes in the log now; 0 when there is none. A reader that starts here sees the next start only. */
export async function logSize(directory: string, component: ServerName): Promise<number> {
  try {
    return (await stat(logFile(directory, component))).size
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0
    throw error
  }
}

/** The log's text from byte `from` on, at most its last 256 KiB. */
export async function readLog(directory: string, component: ServerName, from = 0): Promise<string> {
  const size = await logSize(directory, component)
  const start = Math.max(from, size - 256 * 1024)
  if (size <= start) return ''
  await using file = await open(logFile(directory, component))
  const buffer = Buffer.alloc(size - start)
  const { bytesRead } = await file.read(buffer, 0, buffer.length, start)
  return buffer.toString('utf8', 0, bytesRead)
}

/** The last lines of the log. */
export async function lastLogLines(directory: string, component: ServerName, lines = 20): Promise<string> {
  const text = (await readLog(directory, component)).trimEnd()
  return text.split('\n').slice(-lines).join('\n')
}

/**
 * What explains a failed start: the heads of the errors since byte `from` (each kind once, the last eight), then the last lines.
 * A Java stack trace alone would push its own head out of any fixed number of lines.
 */
export async function lastWords(directory: string, component: ServerName, from: number): Promise<string> {
  return explainingLines(await readLog(directory, component, from))
}

export function explainingLines(text: string): string {
  const lines = text.trimEnd().split('\n')
  const tail = lines.slice(-12)
  const heads = lines.slice(0, -12).filter((line) => /\b(ERROR|FATAL|PANIC)\b|^(Caused by: )?[\w.$]+(Exception|Error)\b/.test(line))
  const kinds = new Map(heads.map((line) => [line.replaceAll(/\d+/g, '0'), line.slice(0, 500)]))
  return [...[...kinds.values()].slice(-8), ...tail].join('\n')
}
