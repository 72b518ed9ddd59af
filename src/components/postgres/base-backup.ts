import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { z } from 'zod'
import type { PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { parseLsn, walSegmentName } from '../../base/lsn.ts'
import { runTool } from '../../clients/exec.ts'
import { toolConnection } from '../../clients/postgres.ts'
import type { Artifact, ArtifactWriter } from '../../repository/artifact.ts'
import { compressed } from './compression.ts'
import { copyConfigFiles } from './config-files.ts'
import { type BasePart, basePartSchema } from './part.ts'
import { type PostgresProbe, probePostgres } from './probe.ts'
import { fileBytes, tarOf } from './tar.ts'
import { findPostgresTools, type PostgresTools } from './tools.ts'

export interface BaseBackupOptions {
  config: PostgresConfig
  writer: ArtifactWriter
  /** Room for one uncompressed copy of the data directory; emptied again whatever happens. */
  spoolDirectory: string
  context: Context
}

/**
 * Takes a base backup with pg_basebackup, checks every file of it against its SHA-256 manifest with pg_verifybackup, and stores it.
 * Throws like probePostgres; `tool-missing`, `tool-failed` with the programs' own words; `not-supported` for a standby.
 */
export async function baseBackup({ config, writer, spoolDirectory, context }: BaseBackupOptions): Promise<BasePart> {
  const probe = await probePostgres(config, context)
  if (probe.inRecovery)
    throw new DatapipeError('not-supported', 'the server is a standby: back up its primary', { hint: 'put the primary into postgres.url' })
  const finished = config.archive.mode === 'directory' ? finishedBase(writer, probe) : undefined
  if (finished !== undefined) return finished
  const tools = await findPostgresTools(config, probe.majorVersion)
  const spool = join(spoolDirectory, 'base')
  const spaces = join(spoolDirectory, 'tablespaces')
  try {
    const copied = await copyCluster({ config, probe, tools, spool, spaces, context })
    await runTool(tools.path('pg_verifybackup'), ['--quiet', spool], { signal: context.signal })
    const base = await storeCluster({ config, probe, writer, spool, spaces, context, bytes: copied })
    await writer.remember(noteKey, { systemIdentifier: probe.systemIdentifier, base }, baseArtifacts(base))
    return base
  } finally {
    for (const directory of [spool, spaces]) await rm(directory, { recursive: true, force: true })
  }
}

const noteKey = 'base'

/** Every artifact of a base backup. */
export function baseArtifacts(base: BasePart): Artifact[] {
  return [...base.archives.map(({ artifact }) => artifact), base.control, base.backupManifest, ...base.configFiles.map(({ artifact }) => artifact)]
}

/**
 * The base backup of an interrupted run. Only with an archive directory: it has kept every segment since, whereas what pg_receivewal
 * had received went with the run.
 */
function finishedBase(writer: ArtifactWriter, probe: PostgresProbe): BasePart | undefined {
  const note = writer.notes().findLast(({ key }) => key === noteKey)
  const parsed = z.strictObject({ systemIdentifier: z.string(), base: basePartSchema }).safeParse(note?.note)
  if (!parsed.success || parsed.data.systemIdentifier !== probe.systemIdentifier || parsed.data.base.timeline !== probe.timeline) return undefined
  return parsed.data.base
}

interface CopyOptions {
  config: PostgresConfig
  probe: PostgresProbe
  tools: PostgresTools
  spool: string
  spaces: string
  context: Context
}

/** Runs pg_basebackup in plain format. Returns the bytes it copied, by its own count. */
async function copyCluster({ config, probe, tools, spool, spaces, context }: CopyOptions): Promise<number> {
  const { connection, env } = toolConnection(config.url)
  let bytes = 0
  await runTool(
    tools.path('pg_basebackup'),
    [
      `--dbname=${connection}`,
      `--pgdata=${spool}`,
      '--format=plain',
      '--wal-method=stream',
      '--checkpoint=fast',
      '--manifest-checksums=SHA256',
      '--progress',
      // The spool lives as long as this run: what is stored from it is what must be durable.
      '--no-sync',
      '--no-password',
      '--label=datapipe',
      ...probe.tablespaces.map(({ oid, location }) => `--tablespace-mapping=${escapeEquals(location)}=${escapeEquals(join(spaces, String(oid)))}`),
    ],
    {
      env,
      signal: context.signal,
      onStderrLine(line) {
        const match = /^\s*(\d+)\/(\d+) kB/.exec(line)
        if (match === null) return
        bytes = Number(match[1]) * 1024
        context.emit({ type: 'progress', task: 'base backup', done: bytes, total: Number(match[2]) * 1024, unit: 'bytes' })
      },
    },
  )
  return bytes
}

/** In pg_basebackup's OLD=NEW a literal equals sign carries a backslash. */
const escapeEquals = (path: string) => path.replaceAll('=', '\\=')

/** What we read of backup_manifest (PostgreSQL documentation, "Backup Manifest Format"). */
const manifestSchema = z.object({
  'WAL-Ranges': z.array(z.object({ Timeline: z.number().int(), 'Start-LSN': z.string(), 'End-LSN': z.string() })).min(1),
})

interface StoreOptions {
  config: PostgresConfig
  probe: PostgresProbe
  writer: ArtifactWriter
  spool: string
  spaces: string
  context: Context
  bytes: number
}

async function storeCluster({ config, probe, writer, spool, spaces, context, bytes }: StoreOptions): Promise<BasePart> {
  const manifestFile = join(spool, 'backup_manifest')
  const [range, ...others] = manifestSchema.parse(JSON.parse(await readFile(manifestFile, 'utf8')))['WAL-Ranges']
  if (range === undefined || others.length > 0) {
    throw new DatapipeError('server-refused', 'the server changed its timeline during the base backup', { hint: 'run the backup again' })
  }
  let packed = 0
  const pack = (directory: string, exclude: string[]) =>
    compressed(
      Readable.from(
        counted(tarOf(directory, { exclude, signal: context.signal }), (count) => {
          packed += count
          context.emit({ type: 'progress', task: 'store base backup', done: packed, total: bytes, unit: 'bytes' })
        }),
        { objectMode: false, highWaterMark: 1 << 18 },
      ),
      context.signal,
    )
  // The links in pg_tblspc point into the spool: a restore makes its own.
  const exclude = ['global/pg_control', 'backup_manifest', ...probe.tablespaces.map(({ oid }) => `pg_tblspc/${oid}`)]
  const archives: BasePart['archives'] = [{ tablespace: null, artifact: await writer.write('base.tar.zst', pack(spool, exclude)) }]
  for (const tablespace of probe.tablespaces) {
    const artifact: Artifact = await writer.write(`tablespaces/${tablespace.oid}.tar.zst`, pack(join(spaces, String(tablespace.oid)), []))
    archives.push({ tablespace, artifact })
  }
  const control = await writer.write('pg_control', fileBytes(join(spool, 'global', 'pg_control')))
  const backupManifest = await writer.write('backup_manifest', fileBytes(manifestFile))
  const { configFiles, findings } = await copyConfigFiles({ config, probe, writer, context })
  return {
    timeline: range.Timeline,
    startLsn: range['Start-LSN'],
    stopLsn: range['End-LSN'],
    startSegment: walSegmentName(range.Timeline, parseLsn(range['Start-LSN']), BigInt(probe.walSegmentSize)),
    bytes: packed,
    archives,
    control,
    backupManifest,
    configFiles,
    findings,
  }
}

async function* counted(source: AsyncIterable<Uint8Array>, count: (bytes: number) => void): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    count(chunk.byteLength)
    yield chunk
  }
}
