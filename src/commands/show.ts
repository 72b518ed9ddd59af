import type { DatapipeConfig } from '../base/config.ts'
import type { Context } from '../base/context.ts'
import { answers } from '../base/errors.ts'
import type { ComponentName } from '../base/events.ts'
import type { Finding } from '../base/finding.ts'
import type { KafkaPart } from '../components/kafka/part.ts'
import type { SecurityPart } from '../components/kafka/security-inventory.ts'
import type { Artifact } from '../repository/artifact.ts'
import { type BackupEntry, describeManifest } from '../repository/list-backups.ts'
import { openBackup } from '../repository/open-backup.ts'
import { openStorage } from '../storage/open-storage.ts'
import { type Parts, partsOf } from './restore/parts.ts'

export interface ShowOptions {
  config: DatapipeConfig
  /** An id, the beginning of one, or `latest`. */
  backup: string
}

export interface ShownTopic {
  name: string
  kind?: string
  partitions: number
  records: bigint
  bytes: number
}

export interface ShowResult {
  exitCode: number
  backup: BackupEntry
  createdBy: string
  /** Bytes in the repository per component, shared WAL included. */
  stored: Partial<Record<ComponentName, number>>
  postgres?: {
    version: string
    systemIdentifier: string
    timeline: number
    databases: string[]
    bytes: number
    walSegments: number
    reachesLsn: string
  }
  kafka?: { clusterId: string; topics: ShownTopic[]; groups: string[]; security?: SecurityPart }
  registry?: { kind: string; version: string; subjects: number; versions: number; ids: number; routes: string[] }
  connect?: { version: string; connectors: { name: string; class: string; state: string; secrets: string[] }[] }
  phases: { name: string; seconds: number }[]
  findings: Finding[]
}

/** What a backup holds, from its manifest alone. Throws `backup-not-found`, `artifact-damaged`, `format-too-new`. */
export async function show(options: ShowOptions, context: Context): Promise<ShowResult> {
  const { manifest } = await openBackup(openStorage(options.config.repository.url), options.backup, context)
  return {
    exitCode: answers.ok,
    backup: describeManifest(manifest),
    createdBy: manifest.createdBy,
    stored: storedBytes(manifest.artifacts),
    ...showParts(partsOf({ manifest }), manifest.artifacts),
    phases: manifest.phases,
    findings: manifest.findings,
  }
}

function storedBytes(artifacts: Artifact[]): Partial<Record<ComponentName, number>> {
  const stored: Partial<Record<ComponentName, number>> = {}
  for (const { component, bytes } of artifacts) stored[component] = (stored[component] ?? 0) + bytes
  return stored
}

function showParts({ postgres, kafka, registry, connect }: Parts, artifacts: Artifact[]): Partial<ShowResult> {
  return {
    ...(postgres !== undefined && {
      postgres: {
        version: postgres.server.version,
        systemIdentifier: postgres.server.systemIdentifier,
        timeline: postgres.base.timeline,
        databases: postgres.server.databases.map(({ name }) => name),
        bytes: postgres.base.bytes,
        walSegments: postgres.wal.segments.length,
        reachesLsn: postgres.wal.reachesLsn,
      },
    }),
    ...(kafka !== undefined && {
      kafka: {
        clusterId: kafka.clusterId,
        topics: showTopics(kafka, artifacts),
        groups: kafka.groups.map(({ groupId }) => groupId),
        ...(kafka.security && { security: kafka.security }),
      },
    }),
    ...(registry !== undefined && {
      registry: {
        kind: registry.kind,
        version: registry.version,
        subjects: registry.counts.subjects,
        versions: registry.counts.versions,
        ids: registry.counts.ids,
        routes: registry.routes,
      },
    }),
    ...(connect !== undefined && {
      connect: {
        version: connect.version,
        connectors: connect.connectors.map(({ name, class: type, state, secrets }) => ({ name, class: type, state, secrets })),
      },
    }),
  }
}

function showTopics(part: KafkaPart, artifacts: Artifact[]): ShownTopic[] {
  const sizes = new Map(artifacts.map(({ path, bytes }) => [path, bytes]))
  return part.topics.map(({ name, kind, partitions }) => ({
    name,
    ...(kind === undefined ? {} : { kind }),
    partitions: partitions.length,
    records: partitions.reduce((sum, { committedRecords }) => sum + committedRecords, 0n),
    bytes: partitions.flatMap((partition) => partition.artifacts).reduce((sum, { path }) => sum + (sizes.get(path) ?? 0), 0),
  }))
}
