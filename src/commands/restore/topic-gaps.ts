import type { Finding } from '../../base/finding.ts'
import { isDebeziumPostgres, readStoredConnectors, type StoredConnector } from '../../components/connect/index.ts'
import { topicPrefixOf } from '../../components/connect/debezium.ts'
import type { RecoveryPoint } from '../../repository/manifest.ts'
import type { Backup } from '../../repository/open-backup.ts'
import { partsOf } from './parts.ts'

/**
 * What topics lack that are restored alone, while the rest of the pipeline has gone on: whatever came between the backup and their loss. Who
 * wrote it, and how it can be had again. A warning a topic.
 */
export async function topicGaps(backup: Backup, topics: readonly string[], point: RecoveryPoint): Promise<Finding[]> {
  const { connect } = partsOf(backup)
  const connectors = connect === undefined ? [] : await readStoredConnectors(connect, backup.component('connect'))
  return topics.map((topic) => gapOf(topic, writerOf(topic, connectors), point))
}

/** Pure. A Debezium connector writes to topics below its prefix, to its heartbeat topic and to that of transactions. */
export function writerOf(
  topic: string,
  connectors: readonly Pick<StoredConnector, 'name' | 'config'>[],
): Pick<StoredConnector, 'name' | 'config'> | undefined {
  return connectors
    .filter(({ config }) => isDebeziumPostgres(config))
    .filter(({ config }) => topic.startsWith(`${topicPrefixOf(config) ?? ''}.`))
    .sort((a, b) => (topicPrefixOf(b.config) ?? '').length - (topicPrefixOf(a.config) ?? '').length)[0]
}

/** Pure. */
export function gapOf(topic: string, writer: Pick<StoredConnector, 'name' | 'config'> | undefined, point: RecoveryPoint): Finding {
  const finding = { severity: 'warning' as const, code: 'topic-ends-at-backup', component: 'kafka' as const, item: topic }
  if (writer === undefined) {
    const message = `what was written to it after ${point.takenAt} is not in the backup: whoever wrote it can send it again, or nobody`
    return { ...finding, message }
  }
  const behind = point.postgres === undefined ? `after ${point.takenAt}` : `behind ${point.postgres.lsn} (${point.takenAt})`
  return {
    ...finding,
    message: `what connector ${writer.name} captured for it ${behind} and before it was lost is in no topic: the slot of the connector has moved past it`,
    next: catchUp(topic, writer),
  }
}

/** An incremental snapshot leaves the connector running; without a table for signals only a new snapshot brings the rows again. */
function catchUp(topic: string, { name, config }: Pick<StoredConnector, 'name' | 'config'>): string {
  const table = topic.slice((topicPrefixOf(config) ?? '').length + 1)
  const signals = config['signal.data.collection']
  if (signals === undefined) {
    return `connector ${name} has no signal.data.collection: let it take a new snapshot (runbook, "Kafka alone", step 3); rows come again as reads, deletes in between do not`
  }
  const signalTable = signals.split('.').slice(-2).join('.')
  const data = JSON.stringify({ 'data-collections': [table], type: 'incremental' })
  return `INSERT INTO ${signalTable} VALUES ('catch-up-${table}', 'execute-snapshot', '${data}'): rows come again as reads, deletes in between do not`
}
