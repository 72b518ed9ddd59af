import { expect, test } from 'vitest'
import { silentContext } from '../../base/context.ts'
import { meaningReader } from '../../change-events/read-meaning.ts'
import { buildBatch } from '../../clients/kafka/build-batch.ts'
import type { KafkaRecord } from '../../clients/kafka/records.ts'
import { transactionLog } from '../../recovery-point/transaction-log.ts'
import type { Artifact, ArtifactReader } from '../../repository/artifact.ts'
import { type CutTopicsOptions, cutTopics } from './cut-topics.ts'
import type { KafkaPart, PartitionPart } from './part.ts'
import { noSchemaIds } from './schema-ids.ts'

/** Transaction 7 ends at 208, 8 at 308; the log begins at 100. */
const log = transactionLog({
  from: 100n,
  to: 1000n,
  transactions: [
    { xid: 7n, commitLsn: 200n, endLsn: 208n, timestampUs: 0n },
    { xid: 8n, commitLsn: 300n, endLsn: 308n, timestampUs: 0n },
  ],
})
const meaning = meaningReader({ schemaOf: (id) => `no schema ${id}` })

interface Line {
  key?: string
  op?: string
  xid?: number | null
  lsn?: number | null
  before?: number
  snapshot?: string
  server?: string
}
/** A value as Debezium writes it in JSON; a word is a value of somebody else's, null a tombstone. */
const value = ({ op = 'u', xid = 7, lsn = 150, before = 90, snapshot = 'false', server = 'shop' }: Line) =>
  JSON.stringify({
    op,
    source: { connector: 'postgresql', name: server, txId: xid, lsn, sequence: JSON.stringify([`${before}`, `${lsn}`]), snapshot },
  })

/** Partitions of one topic; each line a record, two to a batch. */
function backupOf(partitions: (Line | string | null | { tombstone: string })[][], configs: Record<string, string> = {}) {
  const files = new Map<string, Buffer>()
  const parts = partitions.map((lines, partition): PartitionPart => {
    const records = lines.map((line, index): KafkaRecord => {
      const key = line !== null && typeof line === 'object' ? ('tombstone' in line ? line.tombstone : (line.key ?? 'k')) : 'k'
      const text = line === null || (typeof line === 'object' && 'tombstone' in line) ? null : typeof line === 'string' ? line : value(line)
      return { offset: BigInt(index), timestamp: 5n, key: Buffer.from(key), value: text === null ? null : Buffer.from(text), headers: [] }
    })
    const batches: Buffer[] = []
    for (let at = 0; at < records.length; at += 2) batches.push(buildBatch({ baseOffset: BigInt(at), records: records.slice(at, at + 2) }))
    const path = `kafka/t/${partition}/0.batches`
    files.set(path, Buffer.concat(batches))
    const end = BigInt(records.length)
    return {
      partition,
      startOffset: 0n,
      endOffset: end,
      highWatermark: end,
      committedRecords: end,
      aborted: [],
      gaps: { count: 0, offsets: 0n, first: [{ from: 0n, to: 1n, reason: 'compaction' }] },
      artifacts: [{ path, firstOffset: 0n, lastOffset: end - 1n, batches: batches.length, records: end }],
    }
  })
  const artifacts = [...files].map(([path, bytes]): Artifact => ({ path, component: 'kafka', bytes: bytes.length, sha256: '0'.repeat(64) }))
  const reader: ArtifactReader = {
    artifacts,
    async *read({ path }) {
      yield files.get(path) ?? Buffer.alloc(0)
    },
    readAll: async ({ path }) => files.get(path) ?? Buffer.alloc(0),
  }
  const topic = { name: 't', topicId: '', replicationFactor: 1, configs, partitions: parts, schemaIds: noSchemaIds() }
  const part: KafkaPart = { format: 1, clusterId: 'c', brokers: 1, features: {}, topics: [topic], groups: [] }
  return { part, reader }
}

const cut = (backup: ReturnType<typeof backupOf>, options: Partial<CutTopicsOptions> & { captured?: boolean } = {}) =>
  cutTopics({
    ...backup,
    topics: [{ name: 't', servers: new Set(['shop']), captured: options.captured ?? true, meaning }],
    log,
    lsn: 208n,
    context: silentContext(),
    ...options,
  })

test('each partition ends before its first event of a later transaction, and one without any stays whole', async () => {
  const later = { xid: 8, lsn: 120, before: 208 }
  const result = await cut(backupOf([[{}, {}, later, later], [{}, {}, {}], [later]]))
  expect([...result.ends]).toEqual([
    ['t/0', 2n],
    ['t/2', 0n],
  ])
  expect(result.counts).toEqual({ topics: 1, partitions: 3, read: 8, removed: 3 })
  expect(result.findings).toEqual([])
})

test('tombstones stay with the delete before them; what a restart sent again behind the end goes', async () => {
  const gone = { key: 'a', op: 'd' }
  const later = { key: 'a', op: 'd', xid: 8, before: 208 }
  expect([...(await cut(backupOf([[gone, { tombstone: 'a' }, later, { tombstone: 'a' }, gone, { tombstone: 'a' }, later]]))).ends]).toEqual([
    ['t/0', 2n],
  ])
})

test.each<[string, Parameters<typeof backupOf>[0], string, RegExp]>([
  ['an event that belongs behind later ones, not there before', [[{ key: 'a' }, { xid: 8 }, { key: 'b' }]], 't/0/2', /lies behind offset 1/],
  ['a record without its source', [[{}], [{}, '{"id":1}']], 't/1/1', /no source/],
  ['a transaction that the log should know', [[{ xid: 5 }]], 't/0/0', /transaction 5 has an event/],
  ['a change without its transaction', [[{ xid: null }]], 't/0/0', /names no transaction/],
  ['an event of another connector', [[{ server: 'other' }]], 't/0/0', /another connector, other/],
  ['a tombstone alone between what belongs and what does not', [[{}, { tombstone: 'z' }, { xid: 8 }]], 't/0/1', /tombstone without the delete/],
])('%s is refused, with its place', async (_name, partitions, place, reason) => {
  await expect(cut(backupOf(partitions))).rejects.toMatchObject({
    code: 'cut-not-possible',
    path: `kafka/topics/${place}`,
    message: expect.stringMatching(reason),
  })
})

test('topics that no connector is known to write are left to others when they hold something else', async () => {
  expect(await cut(backupOf([['order 7', { xid: 8 }]]), { captured: false })).toMatchObject({ others: ['t'], counts: { topics: 0 } })
  expect(await cut(backupOf([[{ server: 'other' }]]), { captured: false })).toMatchObject({ others: ['t'] })
  expect([...(await cut(backupOf([[{}, { xid: 8 }]]), { captured: false })).ends]).toEqual([['t/0', 1n]])
})

test('settled records are not read', async () => {
  const backup = backupOf([['nothing that could be read', 'nor this', 'nor this', { xid: 8 }]])
  const result = await cut(backup, { settled: new Map([['t/0', 3n]]) })
  expect([...result.ends]).toEqual([['t/0', 3n]])
  expect(result.counts.read).toBe(1)
  await expect(cut(backup)).rejects.toMatchObject({ code: 'cut-not-possible' })
})

test('a message outside of transactions belongs by its own LSN', async () => {
  expect([
    ...(
      await cut(
        backupOf([
          [
            { op: 'm', xid: null, lsn: 208 },
            { op: 'm', xid: null, lsn: 209 },
          ],
        ]),
      )
    ).ends,
  ]).toEqual([['t/0', 1n]])
})

test('rows of an incremental snapshot say nothing: they stay before an event that belongs, and go where the cut falls', async () => {
  const row = { op: 'r', xid: null, lsn: null, snapshot: 'incremental' }
  const inside = await cut(backupOf([[row, {}, row, {}, { xid: 8 }, row]]))
  expect([...inside.ends]).toEqual([['t/0', 4n]])
  expect(inside).toMatchObject({ counts: { removed: 2 }, findings: [{ severity: 'warning', code: 'snapshot-cut', item: 't' }] })
  const across = await cut(
    backupOf([
      [{}, row, row, { xid: 8 }],
      [{}, row],
    ]),
  )
  expect([...across.ends]).toEqual([
    ['t/0', 1n],
    ['t/1', 1n],
  ])
  expect(across.counts.removed).toBe(4)
  expect((await cut(backupOf([[row, {}]]))).findings).toEqual([])
  expect([
    ...(
      await cut(
        backupOf([
          [{}, row],
          [row, { xid: 8 }],
        ]),
        { unplacedStay: true },
      )
    ).ends,
  ]).toEqual([['t/1', 1n]])
})

test('a snapshot behind the cut is told, as is compaction before it', async () => {
  const row = { op: 'r', xid: 8, lsn: 300, snapshot: 'true' }
  const initial = await cut(backupOf([[row, { ...row, snapshot: 'last' }]]))
  expect(initial.findings).toMatchObject([{ severity: 'harm', code: 'snapshot-after-cut', item: 't' }])
  const compacted = await cut(backupOf([[{}, { xid: 8 }]], { 'cleanup.policy': 'compact' }))
  expect(compacted.findings).toMatchObject([{ severity: 'warning', code: 'compacted-before-cut', item: 't/0' }])
})
