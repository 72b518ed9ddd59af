import { createHash } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { formatLsn, type Lsn, parseLsn } from '../../base/lsn.ts'
import type { Commit } from './last-commit.ts'
import type { PostgresPart } from './part.ts'

/**
 * A server that was recovered, and stopped behind its fence because another component's restore failed: its hours of work need not be
 * done again. What is known of it lies beside its data directory. It is good as long as nobody has started the server meanwhile: every
 * start and every stop writes `pg_control`.
 */
const recoveredSchema = z.strictObject({
  format: z.literal(1),
  /** The base backup: SHA-256 of its archives. */
  base: z.array(z.string()),
  timeline: z.number(),
  lsn: z.string(),
  controlSha256: z.string(),
  commit: z.strictObject({ xid: z.string(), lsn: z.string(), timestampUs: z.string() }).nullable(),
})

export interface RecoveredServer {
  dataDirectory: string
  part: PostgresPart
  lsn: Lsn
}

/** Called once the fenced server has ended in order. */
export async function keepRecovered({ dataDirectory, part, lsn }: RecoveredServer, commit: Commit | undefined): Promise<void> {
  const file = recoveredFile(dataDirectory)
  const known: z.infer<typeof recoveredSchema> = {
    format: 1,
    base: baseOf(part),
    timeline: part.base.timeline,
    lsn: formatLsn(lsn),
    controlSha256: await controlSha256(dataDirectory),
    commit: commit === undefined ? null : { xid: String(commit.xid), lsn: formatLsn(commit.lsn), timestampUs: String(commit.timestampUs) },
  }
  await writeFile(`${file}.new`, `${JSON.stringify(known, null, 2)}\n`)
  await rename(`${file}.new`, file)
}

/** The server that an earlier try recovered from the same base backup to the same place; undefined when there is none, or it was started since. */
export async function findRecovered({ dataDirectory, part, lsn }: RecoveredServer): Promise<{ commit: Commit | undefined } | undefined> {
  const text = await readFile(recoveredFile(dataDirectory), 'utf8').catch(missing)
  if (text === undefined) return undefined
  const known = recoveredSchema.safeParse(parsed(text)).data
  if (known === undefined || known.lsn !== formatLsn(lsn) || known.timeline !== part.base.timeline) return undefined
  if (JSON.stringify(known.base) !== JSON.stringify(baseOf(part))) return undefined
  if ((await controlSha256(dataDirectory).catch(missing)) !== known.controlSha256) return undefined
  const { commit } = known
  return {
    commit: commit === null ? undefined : { xid: BigInt(commit.xid), lsn: parseLsn(commit.lsn), timestampUs: BigInt(commit.timestampUs) },
  }
}

/** From here on the directory is a server's like any other. */
export async function forgetRecovered(dataDirectory: string): Promise<void> {
  await rm(recoveredFile(dataDirectory), { force: true })
}

export function recoveredFile(dataDirectory: string): string {
  return `${dataDirectory}.datapipe-recovered.json`
}

function baseOf(part: PostgresPart): string[] {
  return part.base.archives.map(({ artifact }) => artifact.sha256)
}

async function controlSha256(dataDirectory: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(join(dataDirectory, 'global', 'pg_control')))
    .digest('hex')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Written by rename, so whole; one that somebody has edited is as good as none.
    return undefined
  }
}

function missing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}
