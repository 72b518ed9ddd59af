import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { formatLsn, type Lsn, parseLsn } from '../../base/lsn.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { connectPostgres } from '../../clients/postgres.ts'
import { type FencedProcess, lastWords } from './fence.ts'

/**
 * Waits until the fenced server has recovered to `lsn` and promoted itself, and checks in its log that it stopped there and not
 * elsewhere. Throws `tool-failed` with the log's last lines when it gives up, `restore-mismatch` when it went another way.
 */
export async function awaitPromotion(server: FencedProcess, { start, lsn, context }: { start: Lsn; lsn: Lsn; context: Context }): Promise<void> {
  await waitUntil(
    async () => {
      if (!server.running()) throw new DatapipeError('tool-failed', `recovery failed: ${lastWords(await server.log())}`)
      const state = await recoveryState(server.url)
      if (state === undefined) return false
      if (!state.recovering) return true
      if (state.replayed !== undefined && state.replayed > start) {
        context.emit({ type: 'progress', task: 'recover', done: Number(state.replayed - start), total: Number(lsn - start), unit: 'bytes' })
      }
      return false
    },
    // The time depends on the WAL alone; a day is there to end a hang.
    { what: 'the recovery to end', timeoutMs: 86_400_000, signal: context.signal, lastWords: async () => lastWords(await server.log()) },
  )
  const log = await server.log()
  const stopped = /recovery stopping before WAL location \(LSN\) "([0-9A-F]+\/[0-9A-F]+)"/.exec(log)?.[1]
  if (stopped === undefined || parseLsn(stopped) < lsn) {
    throw new DatapipeError(
      'restore-mismatch',
      `recovery was to stop before ${formatLsn(lsn)}, but stopped ${stopped === undefined ? 'elsewhere' : `before ${stopped}`}: ${lastWords(log)}`,
    )
  }
}

/** Waits until a server that was recovered before takes connections again. Throws `tool-failed` with the log's last lines. */
export async function awaitRecovered(server: FencedProcess, context: Context): Promise<void> {
  await waitUntil(
    async () => {
      if (!server.running()) throw new DatapipeError('tool-failed', `the recovered server does not start: ${lastWords(await server.log())}`)
      return (await recoveryState(server.url))?.recovering === false
    },
    { what: 'the recovered server to answer', timeoutMs: 3_600_000, signal: context.signal, lastWords: async () => lastWords(await server.log()) },
  )
}

/** Undefined while the server does not take connections yet. */
async function recoveryState(url: string): Promise<{ recovering: boolean; replayed: Lsn | undefined } | undefined> {
  try {
    await using client = await connectPostgres(url, { connectTimeoutMs: 5000 })
    const [row] = await client.query<{ recovering: boolean; replayed: string | null }>(
      'SELECT pg_is_in_recovery() AS recovering, pg_last_wal_replay_lsn()::text AS replayed',
    )
    if (row === undefined) return undefined
    return { recovering: row.recovering, replayed: row.replayed === null ? undefined : parseLsn(row.replayed) }
  } catch (error) {
    if (error instanceof DatapipeError && error.code === 'unreachable') return undefined
    throw error
  }
}
