import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentContext } from '../src/base/context.ts'
import type { CheckResult } from '../src/drill/checkers/check-result.ts'
import { idsDecode } from '../src/drill/checkers/ids-decode.ts'
import { ledgerInvariant } from '../src/drill/checkers/ledger-invariant.ts'
import { ledgerPrefix } from '../src/drill/checkers/ledger-prefix.ts'
import { sameDefinitions } from '../src/drill/checkers/same-definitions.ts'
import { sameGroups } from '../src/drill/checkers/same-groups.ts'
import { sameRecords } from '../src/drill/checkers/same-records.ts'
import { sameRows } from '../src/drill/checkers/same-rows.ts'
import { sameSchemas } from '../src/drill/checkers/same-schemas.ts'
import { sameTopicConfigs } from '../src/drill/checkers/same-topic-configs.ts'
import { httpJson } from '../src/drill/observers/http-json.ts'
import { KafkaConnection, kafkaClient } from '../src/drill/observers/kafka-connection.ts'
import { observeDecode } from '../src/drill/observers/observe-decode.ts'
import { observeGroups } from '../src/drill/observers/observe-groups.ts'
import { observeKafka } from '../src/drill/observers/observe-kafka.ts'
import { observeLedger } from '../src/drill/observers/observe-ledger.ts'
import { observePostgres } from '../src/drill/observers/observe-postgres.ts'
import { observeRegistry } from '../src/drill/observers/observe-registry.ts'
import { observeSlots } from '../src/drill/observers/observe-slot.ts'
import { observeTopics } from '../src/drill/observers/observe-topics.ts'
import { compatibleRegistry } from '../src/drill/observers/registry-server.ts'
import { applicationGroups, applicationTopics, fillKafka, framedApplicationTopics } from '../src/drill/workloads/fill-kafka.ts'
import { changePostgres, fillPostgres, ledgerTables } from '../src/drill/workloads/fill-postgres.ts'
import { fillRegistry } from '../src/drill/workloads/fill-registry.ts'
import { readLedgerHistory } from '../src/drill/workloads/ledger-history.ts'
import { LedgerWriter } from '../src/drill/workloads/ledger-writer.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'

/** What the drill's own eyes see on real servers: the same twice, and every change made in between. */
const context = silentContext()
const { signal } = context
let stack: EmbeddedStack
let before: Awaited<ReturnType<typeof look>>

function servers() {
  const { postgres, kafka, registry } = stack.config('file:///nowhere')
  if (!postgres || !kafka || !registry) throw new Error('the stack lacks a server')
  return { url: postgres.url, kafka: { bootstrapServers: kafka.bootstrapServers }, registry }
}

async function look() {
  const { url, kafka, registry } = servers()
  const topics = await observeKafka(kafka, { topics: applicationTopics.map(({ topic }) => topic), signal })
  return {
    postgres: await observePostgres(url, { exceptTables: ledgerTables, signal }),
    topics,
    configs: await observeTopics(
      kafka,
      topics.map(({ topic }) => topic),
    ),
    groups: await observeGroups(kafka, topics, applicationGroups),
    registry: await observeRegistry(registry, signal),
    decode: await observeDecode(kafka, registry, { topics: framedApplicationTopics, signal }),
  }
}

function compare(after: Awaited<ReturnType<typeof look>>): CheckResult[] {
  return [
    sameRows(before.postgres, after.postgres),
    sameDefinitions(before.postgres, after.postgres),
    sameRecords(before.topics, after.topics),
    sameTopicConfigs(before.configs, after.configs),
    sameGroups(before.groups, after.groups),
    sameSchemas(before.registry, after.registry),
    idsDecode(after.decode, before.decode),
  ]
}

beforeAll(async () => {
  stack = await startEmbeddedStack({ components: ['postgres', 'kafka', 'registry'], context })
  const { url, kafka, registry } = servers()
  await fillPostgres(url, { rows: 60 })
  await changePostgres(url)
  await fillRegistry(registry, signal)
  await fillKafka(kafka, registry, { rows: 300, signal })
  before = await look()
})

afterAll(async () => {
  await stack?.down()
})

test('a pipeline that nobody touched is the same twice', async () => {
  const results = compare(await look())
  expect(results.flatMap(({ findings }) => findings.filter(({ severity }) => severity !== 'note'))).toEqual([])
  expect(results.map(({ verdict }) => verdict)).toEqual(results.map(() => 'pass'))
  const counts = Object.assign({}, ...results.map((result) => result.counts))
  expect(counts).toMatchObject({ largeObjects: 2, groups: 4, deletedVersions: 2, ids: 3 })
})

test('headers come back with nulls, empties, duplicates and their order; aborted transactions do not', () => {
  const shown = before.topics.find(({ topic }) => topic === 'drill.parcels')?.partitions[1]?.records[0]?.shown
  expect(shown).toContain('headers [trace="t-1", route="a", trace=0xff0001, empty="", null=null, route="b", 1=')
  const payments = before.topics
    .find(({ topic }) => topic === 'drill.payments')
    ?.partitions[0]?.records.map((record) => record.shown)
    .join()
  expect(payments).toContain('payment-0')
  expect(payments).not.toContain('payment-1"')
})

// Each a transfer of its own, which a cut can lie between.
const onlyPlain = { plain: 1, long: 0, large: 0, savepoints: 0, 'rolled back': 0 }

test('the ledger holds what its writer was told, cut where the history says', async () => {
  const historyFile = `${stack.directory}/ledger.jsonl`
  await using writer = await LedgerWriter.start({ url: servers().url, historyFile, perSecond: 200, seed: 1, mix: onlyPlain })
  await expect.poll(() => writer.counts.ok, { timeout: 30_000 }).toBeGreaterThan(100)
  await writer.pause()
  const [history, ledger, slots] = [await readLedgerHistory(historyFile), await observeLedger(servers().url), await observeSlots(servers().url)]
  expect(ledgerPrefix(history, ledger, { lsn: slots.flushLsn })).toMatchObject({ verdict: 'pass', counts: { acknowledged: writer.counts.ok } })
  // What the seed 1 gives, by its own arithmetic elsewhere.
  expect(history.slice(0, 3).map(({ debtor, creditor, amount }) => [debtor, creditor, amount])).toEqual([
    [4, 9, '71'],
    [4, 1, '56'],
    [7, 10, '43'],
  ])
  expect(ledgerInvariant(ledger, { balance: 1_000_000 }).verdict).toBe('pass')
  const early = ledgerPrefix(history, ledger, { lsn: history[50]?.lsnBefore ?? '' })
  expect(early.findings[0]?.code).toBe('commit-after-cut')
  ledger.transfers.pop()
  expect(ledgerPrefix(history, ledger, { lsn: slots.flushLsn }).findings[0]?.code).toBe('commit-lost')
})

test('every change is found: rows, definitions, records, settings, positions, schemas', async () => {
  const { url, kafka, registry } = servers()
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(`UPDATE shop.customer SET full_name = full_name || ' ' WHERE id = md5('customer7')::uuid`)
  await client.query('DROP VIEW odd.totals')
  await client.query(`SELECT lo_put(424242, 14999, '\\x11')`)
  await client.end()
  const [producer, admin] = [kafkaClient(kafka).producer(), kafkaClient(kafka).admin()]
  await Promise.all([producer.connect(), admin.connect()])
  await producer.send({ topic: 'drill.settings', messages: [{ partition: 0, key: 'one', value: 'too many' }] })
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: 2, name: 'drill.parcels', configEntries: [{ name: 'retention.ms', value: '1000000000' }] }],
  })
  await Promise.all([producer.disconnect(), admin.disconnect()])
  await using connection = await KafkaConnection.open(kafka, ['drill.parcels'])
  await connection.commit('drill-behind', 'drill.parcels', [{ partition: 1, offset: '1' }], 'moved')
  await httpJson(await compatibleRegistry(registry), '/config/drill.address', { method: 'PUT', body: '{"compatibility":"NONE"}' })
  const results = compare(await look())
  const codes = results.map(
    ({ checker, findings }) => `${checker}: ${findings.filter(({ severity }) => severity === 'harm').map(({ code }) => code)}`,
  )
  expect(codes).toEqual([
    'same-rows: row-missing,row-extra',
    expect.stringMatching(/^same-definitions: .*definition-missing.*large-object-changed/),
    'same-records: record-extra',
    'same-topic-configs: topic-config-changed',
    expect.stringMatching(/^same-groups: .*position-moved.*position-metadata-differs/),
    'same-schemas: compatibility-changed',
    'ids-decode: ',
  ])
})

test('a server that is down is an error, not an empty observation', async () => {
  await stack.stop('registry')
  await expect(observeRegistry(servers().registry, signal)).rejects.toMatchObject({ code: 'unreachable' })
  await expect(observeKafka(servers().kafka, { topics: ['no.such.topic'], signal })).rejects.toMatchObject({ code: 'unreachable' })
})
