import type { PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { runTool } from '../../clients/exec.ts'
import { findPostgresTools } from './tools.ts'

export interface ParseOptions {
  config: PostgresConfig
  majorVersion: number
  /** Where the segments are, under their own names. */
  directory: string
  timeline: number
  /** From the start of the base backup to its end, as the server prints them. */
  startLsn: string
  stopLsn: string
  context: Context
}

/**
 * Reads every WAL record that a base backup needs to become consistent, as pg_verifybackup does it: with pg_waldump, which checks the CRC of each.
 * Throws `archive-broken`. Where PostgreSQL's programs are not installed a warning says that it was not done.
 */
export async function parseBaseWal({ config, majorVersion, directory, timeline, startLsn, stopLsn, context }: ParseOptions): Promise<void> {
  const range = [`--path=${directory}`, `--timeline=${timeline}`, `--start=${startLsn}`, `--end=${stopLsn}`]
  try {
    const tools = await findPostgresTools(config, majorVersion)
    await runTool(tools.path('pg_waldump'), ['--quiet', ...range], { signal: context.signal })
  } catch (error) {
    if (!(error instanceof DatapipeError)) throw error
    if (error.code === 'tool-failed') {
      throw new DatapipeError('archive-broken', `the WAL of the base backup, ${startLsn} to ${stopLsn}, cannot be read: ${error.message}`, {
        path: directory,
        hint: 'look at the disk of the archive, then run the backup again',
        cause: error,
      })
    }
    if (error.code !== 'tool-missing') throw error
    context.emit({ type: 'log', level: 'warning', component: 'postgres', message: `the WAL of the base backup is not read again: ${error.message}` })
  }
}
