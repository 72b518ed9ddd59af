import type { DatapipeConfig } from '../base/config.ts'
import { type Context, inPhase } from '../base/context.ts'
import { answers } from '../base/errors.ts'
import type { Finding } from '../base/finding.ts'
import { formatLsn, parseLsn } from '../base/lsn.ts'
import { endOffsetsOf } from '../components/kafka/freeze.ts'
import { encodeKafkaPart } from '../components/kafka/part.ts'
import { baseBackup } from '../components/postgres/base-backup.ts'
import { startWalCapture } from '../components/postgres/capture-wal.ts'
import { lockRepository } from '../repository/lock.ts'
import { type Manifest, manifestFormat, type RecoveryPoint } from '../repository/manifest.ts'
import { initRepository } from '../repository/marker.ts'
import { openStorage } from '../storage/open-storage.ts'
import { beginBackup } from './backup/begin.ts'
import { type Captured, capture } from './backup/capture.ts'
import { type Phase, recording } from './backup/recording.ts'
import { lookAtSources } from './backup/sources.ts'
import { makeSpool } from './backup/spool.ts'
import { type TakenPoint, takePoint, unheld } from './backup/take-point.ts'
import { productVersion } from './version.ts'

export interface BackupOptions {
  config: DatapipeConfig
  /** Begin anew instead of going on with an unfinished backup. */
  fresh?: boolean
  /** A word of the user's, kept in the manifest. */
  label?: string
}

export interface BackupResult {
  exitCode: number
  id: string
  resumed: boolean
  recoveryPoint: RecoveryPoint
  /** Seconds that change capture stood still in the attempt that counted, and how many attempts it took; 0 without a connector. */
  pausedSeconds: number
  attempts: number
  artifacts: number
  bytes: number
  records: number
  seconds: number
  phases: Phase[]
  findings: Finding[]
}

/**
 * Backs up every configured component to one recovery point while the pipeline runs. Order: WAL capture, base backup, barrier (the
 * connectors stop, the database does not), then side by side what belongs to the point: WAL up to it, topics up to their end offsets,
 * registry, connectors. The manifest is written last. Exit code 22 when `findings` list something that could not be stored.
 */
export async function backup(options: BackupOptions, outer: Context): Promise<BackupResult> {
  const { config } = options
  const started = performance.now()
  const startedAt = outer.now().toISOString()
  const { context, phases, findings } = recording(outer)
  const storage = openStorage(config.repository.url)
  await initRepository(storage, context)
  await using _lock = await lockRepository(storage, 'backup', context)
  // First of all: a killed backup may have left connectors stopped, and what is looked at next must be the pipeline as it is meant to be.
  const writer = await beginBackup({ storage, fresh: options.fresh ?? false, config, context })
  const sources = await inPhase(context, 'look at the servers', () => lookAtSources(config, context))
  await using spool = await makeSpool(context)
  const spoolDirectory = spool.directory
  const { postgres } = config
  await using wal = postgres && (await startWalCapture({ config: postgres, spoolDirectory, writer: writer.component('postgres'), context }))
  const base =
    postgres &&
    (await inPhase(context, 'base backup', () => baseBackup({ config: postgres, writer: writer.component('postgres'), spoolDirectory, context })))
  const point = await takePoint({
    config,
    sources,
    writer: writer.component('connect'),
    notBefore: base && parseLsn(base.stopLsn),
    context,
  })
  const captured = await capture({ config, sources, point, postgres: wal && base && { wal, base }, writer, context })
  findings.push(...captured.findings, ...unheld(sources))
  const artifacts = writer.artifacts()
  const recoveryPoint = recoveryPointOf(writer.id, point, captured)
  const complete = !findings.some(({ severity }) => severity === 'harm')
  const manifest: Manifest = {
    format: manifestFormat,
    id: writer.id,
    ...(options.label === undefined ? {} : { label: options.label }),
    createdBy: `datapipe ${productVersion}`,
    startedAt,
    finishedAt: context.now().toISOString(),
    complete,
    recoveryPoint,
    components: {
      ...(captured.postgres && { postgres: captured.postgres }),
      ...(captured.kafka && { kafka: encodeKafkaPart(captured.kafka) }),
      ...(captured.registry && { registry: captured.registry }),
      ...(captured.connect && { connect: captured.connect }),
    },
    findings,
    phases,
    artifacts,
  }
  await inPhase(context, 'write the manifest', () => writer.commit(manifest))
  return {
    exitCode: complete ? answers.ok : answers.incomplete,
    id: writer.id,
    resumed: writer.resumed,
    recoveryPoint,
    pausedSeconds: point.pausedSeconds,
    attempts: point.attempts,
    artifacts: artifacts.length,
    bytes: artifacts.reduce((sum, { bytes }) => sum + bytes, 0),
    records: Number(captured.records),
    seconds: (performance.now() - started) / 1000,
    phases,
    findings,
  }
}

function recoveryPointOf(id: string, point: TakenPoint, { postgres, kafka }: Captured): RecoveryPoint {
  return {
    name: `datapipe_${id}`,
    kind: point.kind,
    takenAt: point.takenAt,
    ...(postgres !== undefined &&
      point.lsn !== undefined && {
        postgres: {
          systemIdentifier: postgres.server.systemIdentifier,
          timeline: postgres.base.timeline,
          lsn: formatLsn(point.lsn),
          ...(point.xid === undefined ? {} : { xid: point.xid }),
          ...(point.time === undefined ? {} : { time: point.time }),
        },
      }),
    ...(kafka !== undefined && point.frozen !== undefined && { kafka: { clusterId: kafka.clusterId, endOffsets: endOffsetsOf(point.frozen) } }),
  }
}
