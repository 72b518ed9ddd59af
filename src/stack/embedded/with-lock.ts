import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import type { Context } from '../../base/context.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { identifyProcess, isAlive } from './process-identity.ts'

/** Runs `work` while this process holds the lock file; one whose holder died is taken over. Waits up to 30 minutes for a living holder. */
export async function withLock<T>(path: string, context: Context, work: () => Promise<T>): Promise<T> {
  await waitUntil(() => take(path), { what: `the lock ${path}`, timeoutMs: 1_800_000, everyMs: 250, signal: context.signal })
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function take(path: string): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(identifyProcess(process.pid)), { flag: 'wx' })
    return true
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  const { text, ageMs } = await look(path)
  // An empty file is one whose holder is about to write its name, or died before it did.
  if (text === '' ? ageMs > 10_000 : !isAlive(JSON.parse(text))) await rm(path, { force: true })
  return false
}

async function look(path: string): Promise<{ text: string; ageMs: number }> {
  try {
    return { text: await readFile(path, 'utf8'), ageMs: Date.now() - (await stat(path)).mtimeMs }
  } catch (error) {
    // Given up by its holder in this moment.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { text: '', ageMs: 0 }
    throw error
  }
}
