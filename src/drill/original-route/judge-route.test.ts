import { describe, expect, test } from 'vitest'
import { isKnownLoss, runVerdict } from '../report/matrix-verdict.ts'
import { judgeRoute, type RouteObservation } from './judge-route.ts'
import type { RouteRecord } from './observe-route.ts'
import { registryLosses } from './registry-losses.ts'
import { topicLosses } from './topic-losses.ts'

const record = (change: Partial<RouteRecord> = {}): RouteRecord => ({
  partition: 0,
  offset: '0',
  timestamp: '1000',
  key: { id: 1, hash: 'k' },
  value: { id: 2, hash: 'v' },
  headers: '',
  headerCount: 0,
  shown: 'key "k" value "v"',
  ...change,
})
const topic = (...records: RouteRecord[]) => [{ topic: 'orders', records }]
const codes = (result: { findings: { code: string }[] }) => result.findings.map(({ code }) => code)

describe('topics', () => {
  test('the same records lose nothing', () => {
    expect(topicLosses('t', topic(record()), topic(record()))).toMatchObject({ verdict: 'pass', losses: {}, counts: { records: 1, found: 1 } })
  })
  test.each<[string, Partial<RouteRecord>, Partial<RouteRecord>, string, Record<string, number>]>([
    ['timestamp', {}, { timestamp: '9' }, 'timestamps-changed', { timestamps: 1 }],
    ['partition', {}, { partition: 3 }, 'partitions-changed', { partitions: 1 }],
    ['headers', { headers: 'h', headerCount: 2 }, {}, 'headers-lost', { headers: 2 }],
    ['schema ids of key and value', {}, { key: { id: 8, hash: 'k' }, value: { id: 9, hash: 'v' } }, 'schema-ids-changed', { schemaIds: 2 }],
  ])('a record with another %s is found again, and what it lost is counted', (_what, was, is, code, losses) => {
    const result = topicLosses('t', topic(record(was)), topic(record(is)))
    expect(result).toMatchObject({ verdict: 'fail', losses, counts: { found: 1 } })
    expect(codes(result)).toEqual([code])
  })
  test('a tombstone that is gone is counted; a record that is gone is harm that nobody declared', () => {
    const tombstone = record({ value: { id: null, hash: 'null' } })
    const result = topicLosses('t', topic(record(), tombstone), topic(record()))
    expect([codes(result), result.losses]).toEqual([['tombstones-lost'], { tombstones: 1 }])
    expect(codes(topicLosses('t', topic(record(), record({ value: { id: 2, hash: 'w' } })), topic(record())))).toEqual(['record-missing'])
  })
  test('equal records count as often as they are there', () => {
    expect(codes(topicLosses('t', topic(record(), record()), topic(record())))).toEqual(['record-missing'])
    expect(codes(topicLosses('t', topic(record()), topic(record(), record())))).toEqual(['record-extra'])
  })
  test('a record that the source was given while it was backed up may be there, and another may not', () => {
    const late = record({ value: { id: 2, hash: 'late' } })
    const more = topic(record(), late)
    expect(topicLosses('t', topic(record()), more, { meanwhile: more }).verdict).toBe('pass')
    expect(topicLosses('t', topic(record()), topic(record()), { meanwhile: more }).verdict).toBe('pass')
    expect(codes(topicLosses('t', topic(record()), more, { meanwhile: topic(record()) }))).toEqual(['record-extra'])
  })
  test('a null that came back as the text null is told from other strangers', () => {
    const text = record({ value: { id: null, hash: 't' }, shown: 'key "k" value "null"' })
    const result = topicLosses('t', topic(record({ value: { id: null, hash: 'null' } })), topic(text))
    expect(codes(result).sort()).toEqual(['nulls-became-text', 'tombstones-lost'])
  })
  test('a record whose schema the registry refused is told from one that is just gone', () => {
    const result = topicLosses('t', topic(record()), topic(), { refusedIds: new Set([2]) })
    expect([codes(result), result.losses]).toEqual([['records-refused'], { refusedRecords: 1 }])
    expect(codes(topicLosses('t', topic(record()), topic(), { refusedIds: new Set([3]) }))).toEqual(['record-missing'])
  })
  test('a topic that is not there is harm, and no topics at all are unknown', () => {
    expect(codes(topicLosses('t', topic(record()), []))).toEqual(['topic-missing'])
    expect(topicLosses('t', [], []).verdict).toBe('unknown')
  })
})

describe('registry', () => {
  const schema = { subject: 's', version: 1, id: 7, schemaType: 'AVRO', schema: '{"type":"string"}', references: [], deleted: false }
  const registry = (...schemas: (typeof schema)[]) => ({ schemas, compatibility: { '': 'BACKWARD' }, modes: {} })
  test('the same schema with other spaces is the same', () => {
    expect(registryLosses(registry(schema), registry({ ...schema, schema: '{ "type": "string" }' }))).toMatchObject({ verdict: 'pass', losses: {} })
  })
  test.each<[string, Partial<typeof schema>, (typeof schema)[], string, Record<string, number>]>([
    ['another id', {}, [{ ...schema, id: 1 }], 'schema-ids-changed', { schemaIds: 1 }],
    ['another version number', { version: 2 }, [schema], 'versions-renumbered', { versionNumbers: 1 }],
    ['been soft-deleted and gone', { deleted: true }, [], 'soft-deleted-lost', { softDeletedVersions: 1 }],
    ['gone though it was live', {}, [], 'schema-missing', {}],
  ])('a schema that has %s is seen', (_what, was, is, code, losses) => {
    const result = registryLosses(registry({ ...schema, ...was }), registry(...is))
    expect([codes(result), result.losses]).toEqual([[code], losses])
  })
  test('a schema that the registry refused is told, with its answer, from one that is just gone', () => {
    const result = registryLosses(registry(schema), registry(), { 's/1': '422 no' })
    expect(result).toMatchObject({
      losses: { refusedSchemas: 1 },
      findings: [{ code: 'schemas-refused', message: expect.stringContaining('422 no') as string }],
    })
    expect(codes(registryLosses(registry(schema), registry(), { 's/2': '422 no' }))).toEqual(['schema-missing'])
  })
  test('a setting that is not there any more is counted', () => {
    const result = registryLosses(registry(schema), { ...registry(schema), compatibility: {} })
    expect([codes(result), result.losses]).toEqual([['settings-lost'], { settings: 1 }])
  })
})

describe('rows', () => {
  const facts = { bytes: 1, seconds: 1 }
  const judged = (change: Partial<RouteObservation>) => {
    const schema = { subject: 's', version: 1, id: 7, schemaType: 'AVRO', schema: '"string"', references: [], deleted: false }
    const before: RouteObservation = {
      postgres: {
        database: 'd',
        tables: [{ name: 't', kind: 'table', unlogged: false, rows: [{ hash: 'a', text: 'a' }], hash: 'a' }],
        definitions: { t: 'd' },
        sequences: [],
        largeObjects: [],
      },
      cdc: topic(record()),
      internal: topic(record()),
      registry: { schemas: [schema], compatibility: {}, modes: {} },
    }
    const lossy = topic(record({ timestamp: '9' }))
    const after: RouteObservation = {
      ...before,
      cdc: lossy,
      internal: lossy,
      registry: { ...before.registry, schemas: [{ ...schema, id: 1 }] },
      ...change,
    }
    return judgeRoute(before, after, {
      drill: 'd',
      evidence: 'e',
      postgres: facts,
      cdc: facts,
      internal: facts,
      registry: facts,
      connectors: ['shop'],
    })
  }
  test('declared losses fail, are counted, and make the run a known loss', () => {
    const rows = judged({})
    expect(rows.map(({ verdict }) => verdict)).toEqual(['pass', 'fail', 'fail', 'fail'])
    expect(rows.slice(1).every(isKnownLoss)).toBe(true)
    // Saved and never put back: said, and no loss of its own.
    expect(rows[2]?.findings.at(-1)).toMatchObject({ severity: 'note', code: 'connector-not-put-back', item: 'shop' })
    expect(rows.map(({ losses }) => losses)).toEqual([undefined, { timestamps: 1 }, { timestamps: 1 }, { schemaIds: 1 }])
    expect(runVerdict(rows)).toBe('known loss')
  })
  test('a lost record fails the run, whatever else is declared', () => {
    expect(runVerdict(judged({ cdc: topic() }))).toBe('fail')
  })
  test('a declared loss that is not seen is unknown: the checker may be blind', () => {
    const rows = judged({ cdc: topic(record()) })
    expect(rows[1]).toMatchObject({ verdict: 'unknown', findings: [{ code: 'known-loss-not-seen' }] })
    expect(runVerdict(rows)).toBe('unknown')
  })
})
