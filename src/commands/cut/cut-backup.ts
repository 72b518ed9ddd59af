import { type Context, inPhase } from '../../base/context.ts'
import type { Lsn } from '../../base/lsn.ts'
import type { FlattenedNames } from '../../change-events/change-event.ts'
import { meaningReader } from '../../change-events/read-meaning.ts'
import { addedToFlattened, isDebeziumPostgres, signalTopicOf, topicPrefixOf, topicsOfMoments } from '../../components/connect/debezium.ts'
import { readStoredConnectors, type StoredConnector } from '../../components/connect/part.ts'
import { type CutTopic, cutTopics, type CutTopicsResult } from '../../components/kafka/cut-topics.ts'
import { readPartSnapshot } from '../../components/registry/part.ts'
import type { TransactionLog } from '../../recovery-point/transaction-log.ts'
import type { ArtifactReader } from '../../repository/artifact.ts'
import type { Parts } from '../restore/parts.ts'
import { storedSchemas } from './stored-schemas.ts'

export interface CutBackupOptions {
  parts: Pick<Parts, 'kafka' | 'registry' | 'connect'>
  readers: Record<'kafka' | 'registry' | 'connect', ArtifactReader>
  log: TransactionLog
  /** End LSN of the last commit that belongs. */
  lsn: Lsn
  /** Records of `topic/partition` below this offset are known to belong. */
  settled?: ReadonlyMap<string, bigint> | undefined
  unplacedStay?: boolean
  context: Context
}

/**
 * Where a cut ends the topics of a backup's connectors. Change events are told from other records by what they are, not by the names of
 * their topics: a transform may have given them others. `others` are topics that are no connector's, or hold heartbeats and notifications,
 * which belong to a moment and to no transaction. Throws as `cutTopics`.
 */
export async function cutBackup(options: CutBackupOptions): Promise<CutTopicsResult> {
  const { parts, readers, log, lsn, settled, unplacedStay = false, context } = options
  const { kafka } = parts
  const nothing: CutTopicsResult = { ends: new Map(), findings: [], counts: { topics: 0, partitions: 0, read: 0, removed: 0 }, others: [] }
  if (kafka === undefined) return nothing
  const connectors = await capturingConnectors(parts, readers)
  const names = kafka.topics.filter(({ kind }) => kind !== 'internal').map(({ name }) => name)
  if (connectors.length === 0) return { ...nothing, others: names }
  const snapshot = parts.registry && (await readPartSnapshot(parts.registry, readers.registry))
  const topics = topicsToCut(names, connectors, storedSchemas(snapshot))
  const looked = new Set(topics.map(({ name }) => name))
  const result = await inPhase(context, 'cut topics', () =>
    cutTopics({ part: kafka, reader: readers.kafka, topics, log, lsn, ...(settled && { settled }), unplacedStay, context }),
  )
  return { ...result, others: [...names.filter((name) => !looked.has(name)), ...result.others] }
}

/** The connectors that brought this PostgreSQL's changes. */
export async function capturingConnectors({ connect }: CutBackupOptions['parts'], readers: CutBackupOptions['readers']): Promise<StoredConnector[]> {
  if (connect === undefined) return []
  const own = new Set(connect.connectors.filter(({ reads }) => reads !== 'another').map(({ name }) => name))
  return (await readStoredConnectors(connect, readers.connect)).filter(({ name, config }) => own.has(name) && isDebeziumPostgres(config))
}

export function topicsToCut(names: string[], connectors: StoredConnector[], schemaOf: ReturnType<typeof storedSchemas>): CutTopic[] {
  const servers = new Set(connectors.map(({ config }) => topicPrefixOf(config) ?? ''))
  const apart = new Set(connectors.flatMap(({ config }) => [...topicsOfMoments(config), signalTopicOf(config)]))
  const plain = meaningReader({ schemaOf })
  const readerOf = new Map(
    connectors.map((connector) => {
      const added = addedToFlattened(connector.config)
      return [connector, added === undefined ? plain : meaningReader({ schemaOf, flattened: added as FlattenedNames })]
    }),
  )
  return names
    .filter((name) => !apart.has(name))
    .map((name) => {
      const owner = connectors.find((connector) => writes(connector, name))
      return { name, servers, captured: owner !== undefined, meaning: (owner && readerOf.get(owner)) ?? plain }
    })
}

/** By its prefix, or because its worker has seen it write there. */
function writes({ config, topics }: StoredConnector, topic: string): boolean {
  return topics.includes(topic) || topic.startsWith(`${topicPrefixOf(config)}.`)
}
