import type { DatapipeConfig } from '../../base/config.ts'
import { inPhase } from '../../base/context.ts'
import { answers } from '../../base/errors.ts'
import type { Finding } from '../../base/finding.ts'
import { formatLsn, parseLsn } from '../../base/lsn.ts'
import { endOffsetsOf } from '../../components/kafka/freeze.ts'
import { encodeKafkaPart, parseKafkaPart } from '../../components/kafka/part.ts'
import type { PostgresPart } from '../../components/postgres/part.ts'
import { createArtifactReader } from '../../repository/artifact-reader.ts'
import { type BackupEntry, describeManifest } from '../../repository/list-backups.ts'
import { type Manifest, manifestFormat, type RecoveryPoint } from '../../repository/manifest.ts'
import type { BackupWriter } from '../../repository/write-backup.ts'
import type { Storage } from '../../storage/storage.ts'
import { compareRegistryTopic } from '../registry-topic.ts'
import { productVersion } from '../version.ts'
import { type Captured, type CaptureOptions, capture } from './capture.ts'
import type { Phase, Recording } from './recording.ts'
import type { Sources } from './sources.ts'
import { cutPoint } from './cut-point.ts'
import { keepGuard, moveGuard } from './guard.ts'
import { type SettledEnds, settledOffsets, usableAt } from './settled-ends.ts'
import { type TakenPoint, takePoint, unheld } from './take-point.ts'

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
  /** What of that earlier backups had stored already. */
  earlier: BackupEntry['earlier']
  records: number
  seconds: number
  phases: Phase[]
  findings: Finding[]
}

export interface StoreOptions {
  config: DatapipeConfig
  storage: Storage
  writer: BackupWriter
  sources: Sources
  postgres: CaptureOptions['postgres']
  /** Store every byte anew, whatever earlier backups hold. */
  full: boolean
  label: string | undefined
  startedAt: string
  recording: Recording
  /** Runs when everything is stored, right before this becomes a backup and its notes go. */
  beforeCommit?: () => Promise<void>
  /** Leave the topics' records to shards. */
  inShards?: boolean
  /** No connector is stopped: the topics are cut by transaction. */
  withoutBarrier?: boolean
  /** From before the point, the youngest last: what a cut need not read. */
  settled: readonly SettledEnds[]
}

/**
 * Takes a recovery point, stores what belongs to it, and makes it a backup: the manifest is written last. WAL capture runs already, and
 * the base backup is there.
 */
export async function storeBackup(options: StoreOptions): Promise<{ result: BackupResult; postgres: PostgresPart | undefined }> {
  const { writer, recording } = options
  const started = performance.now()
  const { manifest, point, captured } = await gather(options)
  await options.beforeCommit?.()
  await inPhase(recording.context, 'write the manifest', () => writer.commit(manifest))
  const result = resultOf(manifest, writer, started)
  const unmoved = await moveGuard(options.config, point.lsn, recording.context)
  return {
    result: { ...result, findings: [...result.findings, ...unmoved], pausedSeconds: point.pausedSeconds, attempts: point.attempts },
    postgres: captured.postgres,
  }
}

/** What a committed manifest says, for people and programs. `started`: `performance.now()` when it began. */
export function resultOf(manifest: Manifest, { resumed }: { resumed: boolean }, started: number): BackupResult {
  const { kafka } = manifest.components
  const topics = kafka === undefined ? [] : parseKafkaPart(kafka).topics
  return {
    exitCode: manifest.complete ? answers.ok : answers.incomplete,
    id: manifest.id,
    resumed,
    recoveryPoint: manifest.recoveryPoint,
    pausedSeconds: 0,
    attempts: 0,
    artifacts: manifest.artifacts.length,
    bytes: manifest.artifacts.reduce((sum, { bytes }) => sum + bytes, 0),
    earlier: describeManifest(manifest).earlier,
    records: Number(topics.flatMap(({ partitions }) => partitions).reduce((sum, { committedRecords }) => sum + committedRecords, 0n)),
    seconds: (performance.now() - started) / 1000,
    phases: manifest.phases,
    findings: manifest.findings,
  }
}

export interface Gathered {
  manifest: Manifest
  point: TakenPoint
  captured: Captured
}

/** Takes the point and stores what belongs to it. The manifest is not written: with `inShards` it still lacks the topics' partitions. */
export async function gather(options: StoreOptions): Promise<Gathered> {
  const { config, sources, writer, postgres } = options
  const { context, phases, findings } = options.recording
  findings.push(...(await keepGuard(config, sources, context)))
  const point = await takePoint({
    config,
    sources,
    writer: writer.component('connect'),
    notBefore: postgres && parseLsn(postgres.base.stopLsn),
    withoutBarrier: options.withoutBarrier ?? false,
    context,
  })
  const captured = await capture({
    config,
    sources,
    point,
    postgres,
    earlierIn: options.full ? undefined : options.storage,
    inShards: options.inShards ?? false,
    writer,
    context,
  })
  const reader = createArtifactReader(options.storage, writer.artifacts(), context)
  const cut = await cutPoint({ point, captured, reader, settled: options.settled, context })
  findings.push(
    ...captured.findings,
    ...cut.findings,
    ...(await compareRegistryTopic({ parts: captured, kafka: reader, registry: reader, context })),
    ...unheld(sources),
  )
  const recoveryPoint = recoveryPointOf(writer.id, { ...point, ...cut.last, kind: cut.kind }, captured, cut.ends, options.settled)
  const complete = !findings.some(({ severity }) => severity === 'harm')
  const manifest: Manifest = {
    format: manifestFormat,
    id: writer.id,
    ...(options.label === undefined ? {} : { label: options.label }),
    createdBy: `datapipe ${productVersion}`,
    startedAt: options.startedAt,
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
    artifacts: writer.artifacts(),
  }
  return { manifest, point, captured }
}

function recoveryPointOf(
  id: string,
  point: TakenPoint,
  { postgres, kafka }: Captured,
  cut: ReadonlyMap<string, bigint>,
  settled: readonly SettledEnds[],
): RecoveryPoint {
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
    ...(kafka !== undefined &&
      point.frozen !== undefined && {
        kafka: { clusterId: kafka.clusterId, endOffsets: endOffsetsOf(point.frozen, cut), ...settledFor({ postgres, kafka }, settled) },
      }),
  }
}

/** What any point that PostgreSQL of this backup can be recovered to need not read. */
function settledFor({ postgres, kafka }: Pick<Captured, 'postgres' | 'kafka'>, settled: readonly SettledEnds[]) {
  const usable = postgres && usableAt(settled, parseLsn(postgres.base.stopLsn))
  if (usable === undefined || kafka === undefined) return {}
  const offsets = settledOffsets(usable, kafka)
  const endOffsets = kafka.topics.map(({ name, partitions }) => {
    const own = partitions.flatMap(({ partition }) => {
      const end = offsets.get(`${name}/${partition}`)
      return end === undefined ? [] : [[String(partition), end.toString()] as const]
    })
    return [name, Object.fromEntries(own)] as const
  })
  return { settled: { lsn: formatLsn(usable.lsn), endOffsets: Object.fromEntries(endOffsets.filter(([, own]) => Object.keys(own).length > 0)) } }
}
