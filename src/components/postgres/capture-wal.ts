import { createReadStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { formatLsn, type Lsn, parseLsn } from '../../base/lsn.ts'
import { waitUntil } from '../../base/wait-until.ts'
import { connectPostgres, type PgClient } from '../../clients/postgres.ts'
import type { Artifact, ArtifactWriter } from '../../repository/artifact.ts'
import { compressed } from './compression.ts'
import { parseBaseWal } from './parse-wal.ts'
import type { WalPart } from './part.ts'
import { probePostgres } from './probe.ts'
import { receiveWal } from './receive-wal.ts'
import { findPostgresTools } from './tools.ts'
import { directoryArchive, readHead, spoolArchive, type WalSource } from './wal-archive.ts'
import { historyName, segmentFault, segmentsFrom, timelineHex, walArtifactPath } from './wal-segment.ts'

export interface CollectOptions {
  writer: ArtifactWriter
  /** The base backup's first segment and timeline. */
  fromSegment: string
  timeline: number
  /** The base backup whose own WAL is read record by record before it is stored; left out where that was done. */
  parse?: { startLsn: string; stopLsn: string } | undefined
  /** WAL behind the same base backup that an earlier backup has stored: it is referred to, not looked for. */
  stored?: WalPart | undefined
  /** How long a segment may take to arrive; 10 minutes when left out. */
  timeoutMs?: number
}

export interface WalCapture extends AsyncDisposable {
  /**
   * Makes the WAL reach past `uptoLsn` (a restore point, then a segment switch), waits until every segment from the base backup's first
   * has arrived, checks and stores them. Throws `wal-gap` naming a segment that is missing before others that are there,
   * `archive-broken` with the archiver's last failure when segments stop coming.
   */
  collect(uptoLsn: Lsn, options: CollectOptions): Promise<WalPart>
  /** Gives up the room of received segments that a finished backup holds. Archives of others are not touched. */
  forget(stored: WalPart): Promise<void>
  /** Whether a segment and all after it can still be collected: what a base backup needs that is gone on with. */
  brings(segment: string): Promise<boolean>
  /** Remembers a slot made here for the next backup as well: after a kill, whoever goes on with that one removes it. */
  rememberIn(writer: ArtifactWriter): Promise<void>
  stop(): Promise<void>
}

export interface CaptureOptions {
  config: PostgresConfig
  /** A directory for received WAL; what is made in it is removed by `stop`. */
  spoolDirectory: string
  /** Remembers a slot that is made here, so that it goes away also after a kill. */
  writer?: ArtifactWriter
  context: Context
}

/** Starts before the base backup, so that no segment can be missed. Throws like probePostgres, `slot-problem`, `tool-missing`, `archive-broken`. */
export async function startWalCapture({ config, spoolDirectory, writer, context }: CaptureOptions): Promise<WalCapture> {
  const probe = await probePostgres(config, context)
  if (probe.inRecovery)
    throw new DatapipeError('not-supported', 'the server is a standby: back up its primary', { hint: 'put the primary into postgres.url' })
  const { archive } = config
  const received = join(spoolDirectory, 'received-wal')
  const receiver =
    archive.mode === 'receive'
      ? await receiveWal({ config, slot: archive.slot, directory: received, tools: await findPostgresTools(config), writer, context })
      : undefined
  if (archive.mode === 'directory') await checkArchiving(archive.path, probe)
  const source = archive.mode === 'receive' ? spoolArchive(received) : directoryArchive(archive.path, probe.systemIdentifier)
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    await receiver?.stop()
    await rm(received, { recursive: true, force: true })
  }
  return {
    async collect(uptoLsn, options) {
      await using client = await connectPostgres(config.url, { signal: context.signal })
      const reaches = await reachBeyond(client, uptoLsn, options.timeline)
      const names = segmentsFrom(options.fromSegment, reaches - 1n, BigInt(probe.walSegmentSize))
      const expected = { systemIdentifier: probe.systemIdentifier, segmentSize: BigInt(probe.walSegmentSize), majorVersion: probe.majorVersion }
      const stored = new Map(options.stored?.segments.map(({ name, artifact }) => [name, artifact]))
      const missing = names.filter((name) => !stored.has(name))
      await refer(options)
      await arrive({
        names: missing,
        source,
        client,
        context,
        bytes: probe.walSegmentSize,
        timeoutMs: options.timeoutMs ?? 600_000,
        check: receiver?.check,
      })
      if (options.parse !== undefined) {
        const directory = dirname(await presentPath(source, options.fromSegment))
        await parseBaseWal({ config, majorVersion: probe.majorVersion, directory, timeline: options.timeline, ...options.parse, context })
      }
      const segments: WalPart['segments'] = []
      for (const name of names) {
        const artifact = stored.get(name)
        if (artifact !== undefined) {
          segments.push({ name, artifact })
          continue
        }
        const path = await presentPath(source, name)
        const fault = segmentFault({ name, bytes: (await stat(path)).size, head: await readHead(path) }, expected)
        if (fault !== undefined) throw new DatapipeError('archive-broken', `WAL segment ${name} ${fault}`, { path })
        segments.push({ name, artifact: await store(options.writer, probe.systemIdentifier, name, path, context) })
        context.emit({ type: 'progress', task: 'store WAL', done: segments.length, total: names.length, unit: 'items' })
      }
      const histories: WalPart['histories'] = []
      const history = historyName(options.timeline)
      const path = options.timeline === 1 ? undefined : await source.find(history)
      if (path !== undefined) histories.push({ name: history, artifact: await store(options.writer, probe.systemIdentifier, history, path, context) })
      return { segments, histories, reachesLsn: formatLsn(reaches) }
    },
    async forget({ segments }) {
      if (receiver !== undefined) for (const { name } of segments) await rm(join(received, name), { force: true })
    },
    async brings(segment) {
      if (archive.mode === 'receive') return false
      if ((await source.find(segment)) !== undefined) return true
      await using client = await connectPostgres(config.url, { signal: context.signal })
      const [row] = await client.query<{ current: string }>('SELECT pg_walfile_name(pg_current_wal_lsn()) AS current')
      return row !== undefined && row.current <= segment
    },
    rememberIn: async (next) => receiver?.rememberIn(next),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Throws `wal-gap` when a segment that is said to be stored is not there. */
async function refer({ stored, writer }: CollectOptions): Promise<void> {
  if (stored === undefined || (await writer.refer([...stored.segments, ...stored.histories].map(({ artifact }) => artifact)))) return
  throw new DatapipeError('wal-gap', 'WAL segments that an earlier backup has stored are missing or short', { hint: 'run the backup again' })
}

async function checkArchiving(path: string, probe: { archiveMode: string; archiveCommand: string; archiveLibrary: string }): Promise<void> {
  if (probe.archiveMode === 'off') {
    throw new DatapipeError('archive-broken', 'archive_mode is off', {
      hint: 'set archive_mode = on and archive_command, or postgres.archive.mode: receive',
    })
  }
  // Nothing would ever come: it would be waited for until somebody looks.
  if (probe.archiveCommand === '' && probe.archiveLibrary === '') {
    throw new DatapipeError('archive-broken', 'archive_command is empty, as a restore leaves it to stay out of the archive of its source', {
      hint: 'give this server an archive of its own: ALTER SYSTEM RESET archive_command, or SET it; SELECT pg_reload_conf()',
    })
  }
  try {
    await stat(path)
  } catch (cause) {
    throw new DatapipeError('archive-broken', `cannot read the archive directory ${path}`, { path: 'postgres.archive.path', cause })
  }
}

/**
 * A recovery stops *before* the first record at or after its target, so such a record must exist, whole. A restore point is one.
 * Returns its end. The segment switch then sends the segment to the archive.
 */
async function reachBeyond(client: PgClient, uptoLsn: Lsn, timeline: number): Promise<Lsn> {
  let row: { reaches: string; segment: string } | undefined
  try {
    ;[row] = await client.query<{ reaches: string; segment: string }>(
      `SELECT reaches::text, pg_walfile_name(reaches) AS segment FROM pg_create_restore_point('datapipe') AS reaches`,
    )
    await client.query('SELECT pg_switch_wal()')
  } catch (cause) {
    throw new DatapipeError('server-refused', 'cannot make a restore point and switch WAL', {
      cause,
      hint: 'GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO the backup role',
    })
  }
  const reaches = parseLsn(row?.reaches ?? '')
  if (reaches <= uptoLsn)
    throw new DatapipeError('offset-ahead', `${formatLsn(uptoLsn)} lies beyond the server's WAL, which ends at ${formatLsn(reaches)}`)
  if (!row?.segment.startsWith(timelineHex(timeline))) {
    throw new DatapipeError('archive-broken', `the server has left timeline ${timeline} during the backup`, { hint: 'run the backup again' })
  }
  return reaches
}

interface ArriveOptions {
  names: string[]
  source: WalSource
  client: PgClient
  context: Context
  bytes: number
  timeoutMs: number
  check: (() => void) | undefined
}

/** Waits for each segment in turn: archivers work in order, so one that is missing while a later one is there will never come. */
async function arrive({ names, source, client, context, bytes, timeoutMs, check }: ArriveOptions): Promise<void> {
  const last = names.at(-1)
  for (const name of names) {
    try {
      await waitUntil(
        async () => {
          if (await isComplete(source, name, bytes)) return true
          if (name !== last && last !== undefined && (await isComplete(source, last, bytes)) && !(await isComplete(source, name, bytes))) {
            throw new DatapipeError('wal-gap', `WAL segment ${name} is missing: ${last} has arrived, it has not`, { path: name })
          }
          check?.()
          return false
        },
        { what: `WAL segment ${name}`, timeoutMs, everyMs: 200, signal: context.signal, lastWords: () => archiverWords(client, source) },
      )
    } catch (error) {
      if (!(error instanceof DatapipeError) || error.code !== 'timeout') throw error
      throw new DatapipeError('archive-broken', error.message, { path: name, cause: error })
    }
  }
}

async function isComplete(source: WalSource, name: string, bytes: number): Promise<boolean> {
  const path = await source.find(name)
  return path !== undefined && (await stat(path)).size === bytes
}

async function archiverWords(client: PgClient, source: WalSource): Promise<string> {
  const [row] = await client.query<Record<string, string | null>>(
    'SELECT last_archived_wal, last_failed_wal, last_failed_time::text, failed_count::text FROM pg_stat_archiver',
  )
  const failed = row?.last_failed_wal
    ? `; the archiver failed last on ${row.last_failed_wal} at ${row.last_failed_time} (${row.failed_count} times)`
    : ''
  return `${await source.describe()}; last archived: ${row?.last_archived_wal ?? 'nothing'}${failed}`
}

async function presentPath(source: WalSource, name: string): Promise<string> {
  const path = await source.find(name)
  if (path === undefined) throw new DatapipeError('wal-gap', `WAL segment ${name} has gone from the archive`, { path: name })
  return path
}

function store(writer: ArtifactWriter, systemIdentifier: string, name: string, path: string, context: Context): Promise<Artifact> {
  return writer.writeShared(walArtifactPath(systemIdentifier, name), compressed(createReadStream(path), context.signal))
}
