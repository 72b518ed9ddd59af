import type { DatapipeConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import { parseLsn } from '../../base/lsn.ts'
import { backupConnect } from '../../components/connect/backup.ts'
import type { ConnectPart } from '../../components/connect/part.ts'
import { assembleKafkaPart, backupTopics, storeTopics } from '../../components/kafka/backup.ts'
import type { KafkaPart } from '../../components/kafka/part.ts'
import { inventorySecurity } from '../../components/kafka/security-inventory.ts'
import type { WalCapture } from '../../components/postgres/capture-wal.ts'
import type { BasePart, PostgresPart, WalPart } from '../../components/postgres/part.ts'
import { serverPart } from '../../components/postgres/probe.ts'
import { backupRegistry } from '../../components/registry/backup.ts'
import type { RegistryPart } from '../../components/registry/part.ts'
import type { Finding } from '../../base/finding.ts'
import { align } from '../../recovery-point/align.ts'
import type { BackupWriter } from '../../repository/write-backup.ts'
import type { Storage } from '../../storage/storage.ts'
import { sideBySide } from '../side-by-side.ts'
import { findEarlier } from './earlier.ts'
import { clearSecretFindings } from './secrets-in-clear.ts'
import type { Sources } from './sources.ts'
import type { TakenPoint } from './take-point.ts'
import { topicKinds } from './topic-kinds.ts'

export interface CaptureOptions {
  config: DatapipeConfig
  sources: Sources
  point: TakenPoint
  /** `stored`: WAL behind the base that an earlier backup holds already. */
  postgres: { wal: WalCapture; base: BasePart; stored?: WalPart | undefined } | undefined
  /** Where to look for topics that an earlier backup holds; undefined when every byte is to be stored anew. */
  earlierIn: Storage | undefined
  /** The topics' records are left to shards: the parts come without partitions. */
  inShards?: boolean
  writer: BackupWriter
  context: Context
}

export interface Captured {
  postgres: PostgresPart | undefined
  kafka: KafkaPart | undefined
  registry: RegistryPart | undefined
  connect: ConnectPart | undefined
  records: bigint
  findings: Finding[]
}

/** Copies what belongs to the point, side by side: WAL up to it, topics up to their ends, registry, connectors. */
export async function capture(options: CaptureOptions): Promise<Captured> {
  const { config, sources, point, writer, context } = options
  const [wal, topics, security, registry, connect] = await sideBySide([
    options.postgres && inPhase(context, 'archive WAL', () => captureWal(options)),
    config.kafka && point.frozen && inPhase(context, 'copy topics', () => captureTopics(options)),
    config.kafka && inventorySecurity(config.kafka, context),
    config.registry && backupRegistry({ config: config.registry, writer: writer.component('registry'), context }),
    config.connect && captureConnect(options),
  ])
  const kindOf = topicKinds({ config, connectors: sources.connect?.connectors ?? [], registryTopic: registry?.topic })
  const kafka = topics && { ...assembleKafkaPart(topics, point.groups, kindOf), ...(security && { security: security.part }) }
  return {
    postgres: options.postgres && wal && sources.postgres && { server: serverPart(sources.postgres), base: options.postgres.base, wal },
    kafka,
    registry,
    connect,
    records: topics?.records ?? 0n,
    findings: [
      ...(connect ? clearSecretFindings(connect.internalTopics.config, sources.clearSecrets) : []),
      ...(options.postgres?.base.findings ?? []),
      ...(topics?.findings ?? []),
      ...(security?.findings ?? []),
      ...misalignment(point, kafka, options.postgres?.base, wal),
    ],
  }
}

/** With the offsets of the point and the states from before it: the barrier has stopped and resumed connectors meanwhile. */
async function captureConnect({ config, sources, point, writer, context }: CaptureOptions): Promise<ConnectPart | undefined> {
  if (config.connect === undefined) return undefined
  const states = new Map((sources.connect?.connectors ?? []).map(({ name, state }) => [name, state]))
  return backupConnect({
    config: config.connect,
    writer: writer.component('connect'),
    context,
    states,
    offsets: point.offsets,
    owners: sources.owners,
  })
}

async function captureWal({ postgres, point, writer }: CaptureOptions) {
  if (postgres === undefined || point.lsn === undefined) throw new TypeError('no position in PostgreSQL')
  const { base, wal, stored } = postgres
  // Events in the topics may be of later transactions: their commits are stored, too.
  return wal.collect(point.walEnd ?? point.lsn, {
    writer: writer.component('postgres'),
    fromSegment: base.startSegment,
    timeline: base.timeline,
    parse: stored ? undefined : base,
    stored,
  })
}

async function captureTopics({ config, point: { topics, frozen }, earlierIn, inShards, writer, context }: CaptureOptions) {
  if (config.kafka === undefined || topics === undefined || frozen === undefined) throw new TypeError('no topics')
  if (inShards) {
    const none = new Map(topics.map(({ name }) => [name, []]))
    return storeTopics({ config: config.kafka, topics, frozen: { ...frozen, topics: none }, writer: writer.component('kafka'), context })
  }
  const earlier = earlierIn && (await findEarlier(earlierIn, frozen.clusterId, context))?.topics
  return backupTopics({ config: config.kafka, topics, frozen, earlier, writer: writer.component('kafka'), context })
}

function misalignment(point: TakenPoint, kafka: KafkaPart | undefined, base: BasePart | undefined, wal: PostgresPart['wal'] | undefined): Finding[] {
  if (point.lsn === undefined) return []
  const partitions = (kafka?.topics ?? []).flatMap(({ name, partitions }) =>
    partitions.map(({ partition, endOffset }) => ({
      topic: name,
      partition,
      wanted: point.frozen?.topics.get(name)?.find((item) => item.partition === partition)?.endOffset ?? 0n,
      stored: endOffset,
    })),
  )
  return align({
    lsn: point.lsn,
    ...(base === undefined ? {} : { baseStopLsn: parseLsn(base.stopLsn) }),
    ...(wal === undefined ? {} : { walEndLsn: parseLsn(wal.reachesLsn) }),
    partitions,
  })
}
