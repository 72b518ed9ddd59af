import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PostgresConfig } from '../../base/config.ts'
import type { Context } from '../../base/context.ts'
import { DatapipeError } from '../../base/errors.ts'
import { formatLsn, type Lsn, parseLsn } from '../../base/lsn.ts'
import type { RecoveryPoint } from '../../repository/manifest.ts'
import type { PlanStep } from '../component.ts'
import type { PostgresPart } from './part.ts'
import { findRecovered } from './recovered.ts'
import { findPostgresTools } from './tools.ts'
import { missingCertificates } from './server-certificates.ts'
import { segmentsFrom } from './wal-segment.ts'

export interface RestoreTarget {
  part: PostgresPart
  recoveryPoint: Pick<RecoveryPoint, 'postgres'>
  config: PostgresConfig
  context: Context
  /** Told what is in the way of the plan; throws it when left out. */
  refuse?: (error: DatapipeError) => void
}

/**
 * What a restore will do, after all that can be refused beforehand has been looked at: `target-not-empty` (or a server that runs there),
 * `tool-missing` for the backup's major version, `wal-gap`, `config-invalid` without a data directory. Touches nothing.
 */
export async function planRestorePostgres(target: RestoreTarget): Promise<PlanStep[]> {
  const { part, config } = target
  const lsn = targetLsn(target)
  const dataDirectory = targetDirectory(config)
  const step = (text: string): PlanStep => ({ component: 'postgres', text, destructive: false })
  const last = [
    ...part.server.slots.map((slot) => step(`create logical slot ${slot.name} (${slot.plugin}) in database ${slot.database}, still fenced`)),
    ...missingCertificates(part.server.settings, part.server.dataDirectory).map(({ setting, path }) =>
      step(`(put ${path} back before that: it is ${setting}, lies outside the data directory, and is not on this machine)`),
    ),
    step(`start the server in earnest (${config.startCommand ?? 'pg_ctl start'}), archive_command off`),
  ]
  const refuse = target.refuse ?? raise
  const tools = await findPostgresTools(config, part.server.majorVersion)
  if ((await findRecovered({ dataDirectory, part, lsn })) !== undefined) {
    await refuseRunning(dataDirectory, refuse)
    return [step(`go on with the server in ${dataDirectory}, which an earlier try has recovered to ${formatLsn(lsn)}`), ...last]
  }
  await checkEmpty(dataDirectory, refuse)
  const segments = neededSegments(part, lsn)
  for (const { tablespace } of part.base.archives) if (tablespace !== null) await checkEmpty(tablespace.location, refuse)
  return [
    step(`check and unpack ${segments.length} WAL segments (${segments.at(0)} to ${segments.at(-1)})`),
    step(`unpack the base backup (${part.base.bytes} bytes) into ${dataDirectory}, pg_control last`),
    ...part.base.archives.flatMap(({ tablespace }) =>
      tablespace === null ? [] : [step(`unpack tablespace ${tablespace.name} into ${tablespace.location}`)],
    ),
    step(
      `recover to ${target.recoveryPoint.postgres?.lsn} exclusively, on timeline ${part.base.timeline}, with PostgreSQL ${tools.version}, fenced: no network, archiving off`,
    ),
    ...last,
  ]
}

/** The recovery point's LSN, checked against the base backup and against the server's identity. */
export function targetLsn({ part, recoveryPoint }: Pick<RestoreTarget, 'part' | 'recoveryPoint'>): Lsn {
  const point = recoveryPoint.postgres
  if (point === undefined) throw new DatapipeError('backup-not-found', 'the recovery point has no position in PostgreSQL')
  if (point.systemIdentifier !== part.server.systemIdentifier || point.timeline !== part.base.timeline) {
    throw new DatapipeError(
      'artifact-damaged',
      `the recovery point belongs to system ${point.systemIdentifier}, timeline ${point.timeline}; the base backup to ${part.server.systemIdentifier}, timeline ${part.base.timeline}`,
    )
  }
  const lsn = parseLsn(point.lsn)
  if (lsn < parseLsn(part.base.stopLsn)) {
    throw new DatapipeError('wal-gap', `the recovery point ${point.lsn} lies before the end of the base backup, ${part.base.stopLsn}`, {
      hint: 'restore an older backup to this point',
    })
  }
  if (lsn >= parseLsn(part.wal.reachesLsn)) {
    throw new DatapipeError('wal-gap', `the recovery point ${point.lsn} lies beyond the stored WAL, which reaches to ${part.wal.reachesLsn}`)
  }
  return lsn
}

/** The names of all segments that a recovery reads. Throws `wal-gap` naming the first one that the backup does not list. */
export function neededSegments(part: PostgresPart, lsn: Lsn): string[] {
  const end = parseLsn(part.wal.reachesLsn) - 1n
  const names = segmentsFrom(part.base.startSegment, end > lsn ? end : lsn, BigInt(part.server.walSegmentSize))
  const listed = new Set(part.wal.segments.map(({ name }) => name))
  const missing = names.find((name) => !listed.has(name))
  if (missing !== undefined) throw new DatapipeError('wal-gap', `WAL segment ${missing} is not in the backup`, { path: missing })
  return names
}

export function targetDirectory({ dataDirectory }: PostgresConfig): string {
  if (dataDirectory !== undefined) return dataDirectory
  throw new DatapipeError('config-invalid', 'a restore needs postgres.dataDirectory', { path: 'postgres.dataDirectory' })
}

type Refuse = (error: DatapipeError) => void

function raise(error: DatapipeError): never {
  throw error
}

async function checkEmpty(directory: string, refuse: Refuse): Promise<void> {
  if (await refuseRunning(directory, refuse)) return
  const names = (await readdir(directory).catch(missingIsEmpty)).filter((name) => name !== 'lost+found')
  if (names.length === 0) return
  refuse(
    new DatapipeError('target-not-empty', `${directory} is not empty: it holds ${names.slice(0, 5).join(', ')}`, {
      path: directory,
      hint: `move it away: mv ${directory} ${directory}.old`,
    }),
  )
}

/** True when a server runs there, and that was only told. */
async function refuseRunning(directory: string, refuse: Refuse): Promise<boolean> {
  const pid = Number((await readFile(join(directory, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0])
  if (!(pid > 0 && isAlive(pid))) return false
  refuse(
    new DatapipeError('target-not-empty', `a PostgreSQL server (pid ${pid}) runs on ${directory}`, {
      path: directory,
      hint: `stop the server, then move its data directory away: pg_ctl -D ${directory} stop -m fast; mv ${directory} ${directory}.old`,
    }),
  )
  return true
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function missingIsEmpty(error: unknown): string[] {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
  throw error
}
