import { expect, test } from 'vitest'
import { silentContext } from '../../base/context.ts'
import type { ConnectPart } from '../../components/connect/part.ts'
import type { KafkaPart } from '../../components/kafka/part.ts'
import { noSchemaIds } from '../../components/kafka/schema-ids.ts'
import { buildBatch } from '../../clients/kafka/build-batch.ts'
import { transactionLog } from '../../recovery-point/transaction-log.ts'
import type { Artifact, ArtifactReader } from '../../repository/artifact.ts'
import type { Captured } from './capture.ts'
import { type CutPointOptions, cutPoint } from './cut-point.ts'
import type { TakenPoint } from './take-point.ts'

/** One topic of connector `shop` whose records are these values; the point is at 208, and transaction 8 commits behind it. */
function taken(kind: TakenPoint['kind'], values: string[], settled: CutPointOptions['settled']): CutPointOptions {
  const records = values.map((value, index) => ({
    offset: BigInt(index),
    timestamp: 1n,
    key: Buffer.from('k'),
    value: Buffer.from(value),
    headers: [],
  }))
  const connector = { name: 'shop', type: 'source', state: 'RUNNING', offsets: [], topics: ['shop.item'] }
  const config = { 'connector.class': 'io.debezium.connector.postgresql.PostgresConnector', 'topic.prefix': 'shop' }
  const files = new Map([
    ['0.batches', buildBatch({ baseOffset: 0n, records })],
    ['connectors.json', Buffer.from(JSON.stringify({ format: 1, connectors: [{ ...connector, config }] }))],
  ])
  const artifacts = [...files].map(([path, bytes]): Artifact => ({ path, component: 'kafka', bytes: bytes.length, sha256: '0'.repeat(64) }))
  const reader: ArtifactReader = {
    artifacts,
    async *read({ path }) {
      yield files.get(path) ?? Buffer.alloc(0)
    },
    readAll: async ({ path }) => files.get(path) ?? Buffer.alloc(0),
  }
  const end = BigInt(values.length)
  const partition = {
    partition: 0,
    startOffset: 0n,
    endOffset: end,
    highWatermark: end,
    committedRecords: end,
    aborted: [],
    gaps: { count: 0, offsets: 0n, first: [] },
    artifacts: [{ path: '0.batches', firstOffset: 0n, lastOffset: end - 1n, batches: 1, records: end }],
  }
  const topic = { name: 'shop.item', topicId: 'id', replicationFactor: 1, configs: {}, partitions: [partition], schemaIds: noSchemaIds() }
  const kafka: KafkaPart = { format: 1, clusterId: 'c', brokers: 1, features: {}, topics: [topic], groups: [] }
  const connect: ConnectPart = {
    format: 1,
    version: '',
    identity: '',
    clusterId: 'c',
    counts: { connectors: 1, offsets: 0 },
    connectors: [{ name: 'shop', class: config['connector.class'], type: 'source', state: 'RUNNING', secrets: [] }],
    plugins: [],
    internalTopics: { config: 'a', offset: 'b', status: 'c' },
    artifacts: { connectors: 'connectors.json' },
  }
  const captured: Captured = { postgres: undefined, registry: undefined, kafka, connect, records: end, findings: [] }
  const later = transactionLog({ from: 208n, to: 400n, transactions: [{ xid: 8n, commitLsn: 300n, endLsn: 308n, timestampUs: 0n }] })
  const point: TakenPoint = {
    kind,
    lsn: 208n,
    xid: undefined,
    time: undefined,
    topics: undefined,
    frozen: undefined,
    groups: [],
    offsets: new Map(),
    pausedSeconds: 0,
    attempts: 1,
    takenAt: '',
    behind: later,
  }
  return { point, captured, reader, settled, context: silentContext() }
}

const event = (txId: number) =>
  JSON.stringify({ op: 'c', source: { connector: 'postgresql', name: 'shop', txId, lsn: 150, sequence: '["90","150"]' } })
const before = [{ lsn: 100n, ends: new Map<string, bigint>() }]

test('topics that end at their barrier leave it one', async () => {
  expect(await cutPoint(taken('barrier', [event(7), event(7)], before))).toEqual({ kind: 'barrier', ends: new Map(), findings: [] })
})

test('events behind the barrier make the point one by transaction, and are told', async () => {
  expect(await cutPoint(taken('barrier', [event(7), event(8)], before))).toEqual({
    kind: 'transaction',
    ends: new Map([['shop.item/0', 1n]]),
    findings: [expect.objectContaining({ severity: 'warning', code: 'topics-ahead', item: 'shop.item/0' })],
  })
})

test('what cannot be cut leaves a barrier as it is, and refuses a point without one', async () => {
  expect(await cutPoint(taken('barrier', [event(7), '{"id":1}'], before))).toMatchObject({ kind: 'barrier', findings: [] })
  await expect(cutPoint(taken('transaction', [event(7), '{"id":1}'], before))).rejects.toMatchObject({
    code: 'cut-not-possible',
    path: 'kafka/topics/shop.item/0/1',
  })
})

test('without a barrier records below settled ends are not read; a barrier without any is not checked', async () => {
  const settled = [{ lsn: 100n, ends: new Map([['id/0', 1n]]) }]
  expect(await cutPoint(taken('transaction', ['anything', event(8)], settled))).toMatchObject({ ends: new Map([['shop.item/0', 1n]]) })
  await expect(cutPoint(taken('transaction', ['anything', event(8)], [{ ...settled[0], lsn: 209n }] as typeof settled))).rejects.toMatchObject({
    code: 'cut-not-possible',
  })
  expect(await cutPoint(taken('barrier', [event(8)], []))).toMatchObject({ kind: 'barrier' })
})
