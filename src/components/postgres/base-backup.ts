import { z } from 'zod'
import type { PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { parseLsn, walSegmentName } from '../../base/lsn.ts'
import { type BackupCompression, type BaseBackupMessage, type BaseBackupStream, startBaseBackup } from '../../clients/postgres-base-backup.ts'
import type { Artifact, ArtifactWriter } from '../../repository/artifact.ts'
import { parseBackupManifest } from './backup-manifest.ts'
import { zstdLevel } from './compression.ts'
import { copyConfigFiles } from './config-files.ts'
import { type FileChecks, fileChecks } from './file-checks.ts'
import { type BasePart, basePartSchema } from './part.ts'
import { type PostgresProbe, probePostgres } from './probe.ts'
import { storeArchive } from './store-archive.ts'

export interface BaseBackupOptions {
  config: PostgresConfig
  writer: ArtifactWriter
  context: Context
}

/**
 * Takes a base backup over the replication protocol and stores it as it comes, compressed by the server where it can. Every file in it
 * is compared with the server's manifest meanwhile, as pg_verifybackup does it. Nothing is written anywhere else.
 * Throws like probePostgres; `artifact-damaged` when a file differs from the manifest; `not-supported` for a standby.
 */
export async function baseBackup({ config, writer, context }: BaseBackupOptions): Promise<BasePart> {
  const probe = await probePostgres(config, context)
  if (probe.inRecovery)
    throw new DatapipeError('not-supported', 'the server is a standby: back up its primary', { hint: 'put the primary into postgres.url' })
  const finished = config.archive.mode === 'directory' ? finishedBase(writer, probe) : undefined
  if (finished !== undefined) return finished
  const base = await copyCluster({ config, probe, writer, context })
  await writer.remember(noteKey, { systemIdentifier: probe.systemIdentifier, base }, baseArtifacts(base))
  return base
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

interface CopyOptions extends BaseBackupOptions {
  probe: PostgresProbe
}

async function copyCluster(options: CopyOptions): Promise<BasePart> {
  const { config, probe, writer, context } = options
  const checks = fileChecks(() => 'CRC32C')
  await using stream = await startStream(config, context)
  const received = await receive(stream.messages, checks, options)
  const manifest = parseBackupManifest(received.manifest)
  refuseFaults(checks.faults(manifest))
  const [range, ...others] = manifest.walRanges
  if (range === undefined || others.length > 0) {
    throw new DatapipeError('server-refused', 'the server changed its timeline during the base backup', { hint: 'run the backup again' })
  }
  const control = await writer.write('pg_control', checks.control() ?? Buffer.alloc(0))
  const backupManifest = await writer.write('backup_manifest', received.manifest)
  return {
    timeline: range.timeline,
    startLsn: range.startLsn,
    stopLsn: range.endLsn,
    startSegment: walSegmentName(range.timeline, parseLsn(range.startLsn), BigInt(probe.walSegmentSize)),
    bytes: checks.bytes(),
    archives: received.archives,
    control,
    backupManifest,
    ...(await copyConfigFiles({ config, probe, writer, context })),
  }
}

/** Threads that the server compresses with, besides the process that reads and sends: where it was built with them. */
const workers = 2

/** Compressed by the server, or here where it was built without it. */
async function startStream(config: PostgresConfig, context: Context): Promise<BaseBackupStream> {
  let total: number | undefined
  const compression = config.compression ?? 'zstd'
  const threads = config.compressionWorkers ?? workers
  const ways: BackupCompression[] = [
    ...(compression === 'zstd' && threads > 0 ? [{ method: 'zstd' as const, level: zstdLevel, workers: threads }] : []),
    ...(compression === 'zstd' ? [{ method: 'zstd' as const, level: zstdLevel }] : []),
    ...(compression === 'lz4' ? [{ method: 'lz4' as const }] : []),
  ]
  for (const way of [...ways, undefined]) {
    try {
      const stream = await startBaseBackup(config.url, {
        label: 'datapipe',
        compression: way,
        onProgress: (done) => context.emit({ type: 'progress', task: 'base backup', done, total: total ?? done, unit: 'bytes' }),
        signal: context.signal,
      })
      total = stream.bytes
      return stream
    } catch (error) {
      if (way === undefined || !(error instanceof DatapipeError) || error.code !== 'not-supported') throw error
      context.emit({ type: 'log', level: 'warning', component: 'postgres', message: `${error.message}: going on without` })
    }
  }
  throw new TypeError('the last way has no compression, and throws its own error')
}

interface Received {
  archives: BasePart['archives']
  manifest: Buffer
}

/** Archives one after the other, then the manifest. */
async function receive(messages: AsyncIterable<BaseBackupMessage>, checks: FileChecks, options: CopyOptions): Promise<Received> {
  const received: Received = { archives: [], manifest: Buffer.alloc(0) }
  const iterator = messages[Symbol.asyncIterator]()
  let next = await iterator.next()
  const data = async function* () {
    for (next = await iterator.next(); next.done !== true && next.value.kind === 'data'; next = await iterator.next()) yield next.value.bytes
  }
  while (next.done !== true) {
    const message = next.value
    if (message.kind === 'archive') received.archives.push(await receiveArchive(message.name, data(), checks, options))
    else if (message.kind === 'manifest') received.manifest = await whole(data())
    else throw new DatapipeError('server-refused', 'the server sent data that belong to no archive')
  }
  return received
}

async function whole(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function receiveArchive(
  name: string,
  source: AsyncIterable<Buffer>,
  checks: FileChecks,
  { probe, writer, context }: CopyOptions,
): Promise<BasePart['archives'][number]> {
  const [, tar = '', oid, , compression] = /^((\d+)|base)\.tar(\.(zst|lz4))?$/.exec(name) ?? []
  const tablespace = oid === undefined ? null : (probe.tablespaces.find((known) => String(known.oid) === oid) ?? undefined)
  if (tar === '' || tablespace === undefined) {
    throw new DatapipeError('server-refused', `the server sent an archive that is not known: ${name}`, {
      hint: 'a tablespace was made meanwhile: run the backup again',
    })
  }
  const artifact = await storeArchive({
    source,
    isCompressed: compression !== undefined,
    path: `${tablespace === null ? 'base' : `tablespaces/${tablespace.oid}`}.tar.${compression ?? 'zst'}`,
    reader: checks.archive(tablespace === null ? '' : `pg_tblspc/${tablespace.oid}/`),
    writer,
    signal: context.signal,
  })
  return { tablespace, artifact }
}

/** As many as a person reads. */
const shownFaults = 5

function refuseFaults(faults: string[]): void {
  if (faults.length === 0) return
  const more = faults.length > shownFaults ? `, and ${faults.length - shownFaults} more` : ''
  throw new DatapipeError(
    'artifact-damaged',
    `the base backup is not what the server's manifest lists: ${faults.slice(0, shownFaults).join(', ')}${more}`,
    {
      path: 'backup_manifest',
      hint: 'run the backup again; if that says the same, look at the memory and the disk of both machines',
    },
  )
}
