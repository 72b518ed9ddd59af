import type { KafkaConfig } from '../../base/config.ts'
import { type Context, inPhase } from '../../base/context.ts'
import type { Finding } from '../../base/finding.ts'
import { deleteEventOf } from '../../change-events/delete-event.ts'
import type { RestoreOutcome } from '../../components/component.ts'
import { appendRecords, type AppendedRecord } from '../../components/kafka/append-records.ts'
import { storedRecords } from '../../components/kafka/committed-records.ts'
import { compensatesHeader, type PhantomPartition, type PhantomTopic } from '../../components/kafka/find-phantoms.ts'
import { type StateAtCut, undoKey } from '../../recovery-point/undo-key.ts'
import type { TouchedKey } from '../../recovery-point/phantoms.ts'
import type { Backup } from '../../repository/open-backup.ts'
import { partsOf } from './parts.ts'
import type { PhantomPlan } from './phantoms.ts'

export interface CompensateOptions {
  config: KafkaConfig
  backup: Backup
  phantoms: PhantomPlan
  context: Context
}

/**
 * Writes, behind the phantoms, what brings consumers back to the cut: for each key that phantoms touched the value that it had there, or, when
 * it was not there, a delete and its tombstone. Each carries a header with the xid of the last phantom that it undoes, by which a repetition
 * knows that the key is done. Must run before the connector goes on. Throws as `appendRecords`, `artifact-damaged`.
 */
export async function compensatePhantoms(options: CompensateOptions): Promise<RestoreOutcome[]> {
  const { phantoms, context } = options
  if (phantoms.topics.length === 0) return []
  const counts = { 'compensated keys': 0, records: 0 }
  const findings: Finding[] = []
  await inPhase(context, 'compensate phantoms', async () => {
    for (const topic of phantoms.topics) {
      const unknown: string[] = []
      for (const partition of topic.partitions) {
        const { keys, records, reasons } = await compensate(topic, partition, options)
        counts['compensated keys'] += keys
        counts.records += records
        unknown.push(...reasons)
      }
      if (unknown.length + topic.keyless > 0) findings.push(notUndone(topic, unknown))
    }
  })
  return [{ component: 'kafka', counts, bytes: 0, findings }]
}

/** Records of one key stand in one batch: it is undone whole or not at all. */
const batchBytes = 256 * 1024

async function compensate(
  { topic }: PhantomTopic,
  partition: PhantomPartition,
  { config, backup, phantoms, context }: CompensateOptions,
): Promise<{ keys: number; records: number; reasons: string[] }> {
  const states = await statesAtCut(topic, partition, { backup, phantoms })
  const reasons: string[] = []
  let [keys, records, bytes] = [0, 0, 0]
  let batch: AppendedRecord[] = []
  const send = async () => {
    if (batch.length > 0) await appendRecords({ config, topic, partition: partition.partition, records: batch, context })
    records += batch.length
    batch = []
    bytes = 0
  }
  for (const [key, touched] of partition.touched) {
    const written = recordsFor(key, touched, states.get(key) ?? 'unknown', phantoms.read.schemaOf)
    if ('reason' in written) reasons.push(written.reason)
    else {
      keys++
      batch.push(...written.records)
      bytes += written.records.reduce((sum, { key: own, value }) => sum + (own?.length ?? 0) + (value?.length ?? 0) + 64, 0)
    }
    if (bytes >= batchBytes) await send()
  }
  await send()
  return { keys, records, reasons }
}

function recordsFor(
  key: string,
  touched: TouchedKey,
  state: StateAtCut,
  schemaOf: PhantomPlan['read']['schemaOf'],
): { records: AppendedRecord[] } | { reason: string } {
  const undo = undoKey(touched, state)
  const bytes = Buffer.from(key, 'latin1')
  const headers = [{ key: Buffer.from(compensatesHeader), value: Buffer.from(String(touched.lastXid ?? '')) }]
  switch (undo.undo) {
    case 'nothing':
      return { records: [] }
    case 'again':
      return { records: [{ key: bytes, value: undo.value, headers }] }
    case 'delete': {
      const event = deleteEventOf(undo.row, schemaOf)
      const tombstone = { key: bytes, value: null, headers }
      if (event === null) return { records: [tombstone] }
      return 'reason' in event ? event : { records: [{ key: bytes, value: event, headers }, tombstone] }
    }
    case 'unknown':
      return { reason: 'neither the topic nor the backup says what it was at the cut' }
  }
}

/** What the stored records up to the cut say of the touched keys; not in it where they say nothing. */
async function statesAtCut(
  topic: string,
  { partition, touched }: PhantomPartition,
  { backup, phantoms }: Pick<CompensateOptions, 'backup' | 'phantoms'>,
): Promise<Map<string, StateAtCut>> {
  const states = new Map<string, StateAtCut>()
  const stored = partsOf(backup)
    .kafka?.topics.find(({ name }) => name === topic)
    ?.partitions.find((candidate) => candidate.partition === partition)
  const meaning = phantoms.read.meanings.get(topic)
  if (stored === undefined || meaning === undefined) return states
  const end = phantoms.ends.get(`${topic}/${partition}`) ?? stored.endOffset
  for await (const records of storedRecords(backup.component('kafka'), topic, {
    ...stored,
    endOffset: end,
  })) {
    for (const record of records) {
      const key = record.key?.toString('latin1')
      if (key === undefined || !touched.has(key)) continue
      const said = meaning(record)
      const { value } = record
      states.set(key, value === null || (said.kind === 'event' && said.op === 'd') ? 'absent' : { row: Buffer.from(value) })
    }
  }
  return states
}

/** Pure. */
export function notUndone({ topic, keyless }: Pick<PhantomTopic, 'topic' | 'keyless'>, unknown: readonly string[]): Finding {
  const parts = [
    ...(unknown.length === 0 ? [] : [`${unknown.length} keys: ${[...new Set(unknown)].slice(0, 3).join('; ')}`]),
    ...(keyless === 0 ? [] : [`${keyless} changes without a key`]),
  ]
  return {
    severity: 'harm',
    code: 'phantoms-not-undone',
    component: 'kafka',
    item: topic,
    message: `events of transactions that the restored database does not have stay without anything that undoes them: ${parts.join(', and ')}`,
    next: 'take an incremental snapshot of its table when the connector runs again, or restore the topic with --phantoms truncate',
  }
}
