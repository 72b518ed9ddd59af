import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { connectPostgres } from '../../clients/postgres.ts'
import type { TargetIdentity } from '../component.ts'

/** The identity of a target in which there is nothing. */
export const noIdentity = 'none'

/**
 * What a restore would find. A live server answers with its system identifier and the user tables of its database; where none answers,
 * the data directory is looked at. Throws `unauthorized`, and `unreachable` when there is no data directory to look at either.
 */
export async function identifyPostgres(config: PostgresConfig, context: Context): Promise<TargetIdentity> {
  try {
    return await identifyServer(config, context)
  } catch (error) {
    if (!(error instanceof DatapipeError) || error.code !== 'unreachable' || config.dataDirectory === undefined) throw error
    return await identifyDirectory(config.dataDirectory)
  }
}

async function identifyServer(config: PostgresConfig, context: Context): Promise<TargetIdentity> {
  await using client = await connectPostgres(config.url, { signal: context.signal })
  const [row] = await client.query<{ identity: string }>('SELECT system_identifier::text AS identity FROM pg_control_system()')
  const tables = await client.query<{ name: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'm', 'f') AND n.nspname !~ '^(pg_|information_schema$)' ORDER BY 1`,
  )
  const contents = tables.map(({ name }) => `table ${name}`)
  return { component: 'postgres', identity: row?.identity ?? noIdentity, empty: contents.length === 0, contents: contents.slice(0, 10) }
}

async function identifyDirectory(directory: string): Promise<TargetIdentity> {
  const names = (await readdir(directory).catch(missingIsEmpty)).filter((name) => name !== 'lost+found')
  const identity = names.includes('global') ? await controlIdentity(join(directory, 'global', 'pg_control')) : noIdentity
  return { component: 'postgres', identity, empty: names.length === 0, contents: names.slice(0, 10).map((name) => join(directory, name)) }
}

async function controlIdentity(path: string): Promise<string> {
  try {
    const file = await open(path, 'r')
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(8), 0, 8, 0)
      return bytesRead === 8 ? buffer.readBigUInt64LE(0).toString() : noIdentity
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return noIdentity
    throw new DatapipeError('storage-failed', `cannot read ${path}`, { path, cause: error })
  }
}

function missingIsEmpty(error: unknown): string[] {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
  throw error
}
