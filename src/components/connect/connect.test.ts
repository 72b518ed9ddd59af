import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { silentContext } from '../../base/context.ts'
import { stringifyJson } from '../../base/lossless-json.ts'
import { kafkaVersionOf } from '../../clients/connect.ts'
import { createArtifactReader } from '../../repository/artifact-reader.ts'
import { createBackupWriter } from '../../repository/write-backup.ts'
import { memoryStorage } from '../../storage/memory.ts'
import { checkConnect } from './check.ts'
import { firstLines } from './control.ts'
import {
  capturesRelation,
  databaseOf,
  explainTrace,
  isDebeziumPostgres,
  offsetPartitionOf,
  publicationNameOf,
  slotNameOf,
  topicPrefixOf,
} from './debezium.ts'
import { canonicalJson, diffConnect } from './diff.ts'
import type { ConnectInventory } from './inventory.ts'
import { type ConnectPart, parseConnectPart, type StoredConnector } from './part.ts'
import { planRestoreConnect } from './restore.ts'
import { placeholderKeys, plainSecretKeys, resolveSecrets, withPlaceholders } from './secrets.ts'
import { verifyConnect } from './verify.ts'

const shop: StoredConnector = {
  name: 'shop',
  type: 'source',
  state: 'RUNNING',
  config: {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'topic.prefix': 'shop',
    'database.password': `\${datapipe-secret:shop/database.password}`,
  },
  offsets: [{ partition: { server: 'shop' }, offset: { lsn: 9007199254740993n, txId: 730, ts_usec: 1795493810462709 } }],
  topics: ['shop.public.orders'],
}
const part: ConnectPart = {
  format: 1,
  version: '4.3.1',
  identity: 'http://connect:8083',
  clusterId: 'abc',
  counts: { connectors: 1, offsets: 1 },
  connectors: [{ name: 'shop', class: shop.config['connector.class'] ?? '', type: 'source', state: 'RUNNING', secrets: ['database.password'] }],
  plugins: [{ class: shop.config['connector.class'] ?? '', type: 'source', version: '3.6.0.Final' }],
  internalTopics: { config: 'connect-configs', offset: 'connect-offsets', status: 'connect-status' },
  artifacts: { connectors: 'backups/20260101T000000Z-0001/connect/connectors.json' },
}

async function stored(connectors: StoredConnector[]) {
  const context = silentContext()
  const storage = memoryStorage()
  const writer = await createBackupWriter({ storage, context, id: '20260101T000000Z-0001' })
  await writer.component('connect').write('connectors.json', Buffer.from(stringifyJson({ format: 1, connectors })))
  return createArtifactReader(storage, writer.artifacts(), context)
}

describe('secrets of a configuration', () => {
  const config = {
    'connector.class': 'x',
    'database.password': 'hunter2',
    'database.hostname': 'db',
    'key.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'message.key.columns': 'public.a:id',
    'value.converter.basic.auth.user.info': 'me:pw',
    'value.converter.schema.registry.url': 'http://me:pw@registry:8081',
    'producer.override.sasl.jaas.config': 'PlainLoginModule required username="a" password="b";',
    'consumer.override.sasl.jaas.config': `PlainLoginModule required password="\${file:/run/s:kafka}";`,
    'ssl.key.password': `\${env:KEY}`,
    'aws.secret.access.key': 'AKIA',
    'plugin.declared': 'declared as PASSWORD by its plugin',
    'errors.tolerance': 'none',
    'transforms.t.type': 'Tokenize',
    'delete.secret.enabled': 'false',
    'empty.password': '',
  }
  const keys = plainSecretKeys(config, new Set(['plugin.declared']))

  test('are found by type, name and shape; references and harmless keys are left alone', () => {
    expect(keys).toEqual([
      'aws.secret.access.key',
      'database.password',
      'plugin.declared',
      'producer.override.sasl.jaas.config',
      'value.converter.basic.auth.user.info',
      'value.converter.schema.registry.url',
    ])
  })

  test('never reach a backup, and come back from the environment or a file', async () => {
    const hidden = withPlaceholders('my-shop.1', config, keys)
    expect(JSON.stringify(hidden)).not.toMatch(/hunter2|AKIA|me:pw/)
    expect(placeholderKeys(hidden)).toEqual(keys)
    const env = Object.fromEntries(
      keys.map((key) => [`DATAPIPE_SECRET_MY_SHOP_1_${key.toUpperCase().replaceAll('.', '_')}`, config[key as keyof typeof config]]),
    )
    expect((await resolveSecrets([{ name: 'my-shop.1', config: hidden }], { env })).get('my-shop.1')).toEqual(config)

    const directory = await mkdtemp(join(tmpdir(), 'datapipe-secrets-'))
    try {
      const secretsFile = join(directory, 'secrets.json')
      await writeFile(secretsFile, JSON.stringify({ 'my-shop.1': Object.fromEntries(keys.map((key) => [key, `from file: ${key}`])) }), {
        mode: 0o600,
      })
      const resolved = (await resolveSecrets([{ name: 'my-shop.1', config: hidden }], { env, secretsFile })).get('my-shop.1')
      expect(resolved?.['database.password']).toBe('from file: database.password')
      await writeFile(secretsFile, '{"my-shop.1": hunter2')
      const error = await resolveSecrets([{ name: 'my-shop.1', config: hidden }], { env, secretsFile }).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'config-invalid', message: expect.not.stringContaining('hunter2') as string })
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  test('that are missing are all named, with their variables', async () => {
    const hidden = withPlaceholders('shop', config, ['database.password', 'plugin.declared'])
    await expect(resolveSecrets([{ name: 'shop', config: hidden }], { env: {} })).rejects.toMatchObject({
      code: 'config-invalid',
      message:
        '2 secrets of connectors must be supplied: shop/database.password (DATAPIPE_SECRET_SHOP_DATABASE_PASSWORD), shop/plugin.declared (DATAPIPE_SECRET_SHOP_PLUGIN_DECLARED)',
    })
  })
})

describe('what a Debezium configuration says', () => {
  test("slot, publication, prefix and offset partition, with Debezium's defaults", () => {
    expect([
      isDebeziumPostgres(shop.config),
      isDebeziumPostgres({ 'connector.class': 'PostgresConnector' }),
      isDebeziumPostgres({ 'connector.class': 'io.debezium.connector.mysql.MySqlConnector' }),
    ]).toEqual([true, true, false])
    expect([slotNameOf({}), publicationNameOf({}), topicPrefixOf({}), offsetPartitionOf({})]).toEqual([
      'debezium',
      'dbz_publication',
      undefined,
      undefined,
    ])
    expect([
      slotNameOf({ 'slot.name': 's' }),
      publicationNameOf({ 'publication.name': 'p' }),
      topicPrefixOf({ 'database.server.name': 'old' }),
    ]).toEqual(['s', 'p', 'old'])
    expect(offsetPartitionOf(shop.config)).toEqual({ server: 'shop' })
    expect(databaseOf({ 'database.dbname': 'app' })).toBe('app')
  })

  test.each<[Record<string, string>, string[], string[]]>([
    [{}, ['public.a', 'Odd.Name'], ['pg_catalog.pg_class']],
    [{ 'table.include.list': 'public.orders,public\\.item.*' }, ['public.orders', 'PUBLIC.Items'], ['public.orders2', 'other.orders']],
    [{ 'table.exclude.list': 'public.secret' }, ['public.orders'], ['public.secret']],
    [{ 'schema.include.list': 'shop' }, ['shop.a'], ['public.a']],
    [{ 'table.include.list': 'public.a', 'signal.data.collection': 'public.signals' }, ['public.a', 'public.signals'], ['public.b']],
    [{ 'table.exclude.list': 'public.(?>x' }, ['public.x'], []],
    [{ 'table.include.list': 'public.x{1\\,2}' }, ['public.xx'], ['public.xxx']],
  ])('filters %j', (config, captured, left) => {
    expect([...captured, ...left].filter(capturesRelation(config))).toEqual(captured)
  })

  test('its three sentences about lost positions are explained, and a trace is cut to its causes', () => {
    const trace =
      'org.apache.kafka.connect.errors.ConnectException: no\n\tat io.debezium.X.y(X.java:1)\nCaused by: io.debezium.DebeziumException: The connector is trying to read change stream starting at PostgresOffsetContext [...] but this is no longer available on the server. Reconfigure the connector to use a snapshot mode when needed.\n\tat z\n\t... 5 more'
    expect(explainTrace(trace)).toContain('create the slot')
    expect(explainTrace("Cannot seek to the last known offset 'LSN{0/1}' on replication slot 's'.")).toContain('confirmed_flush_lsn')
    expect(explainTrace('The offset to start reading from has been removed from the database write-ahead log.')).toContain('new snapshot')
    expect(explainTrace('NullPointerException')).toBeUndefined()
    expect(firstLines(trace)).toMatch(/^org\.apache\.kafka\.connect\.errors\.ConnectException: no \| Caused by: io\.debezium[^|]*$/)
  })
})

describe('each check goes red', () => {
  const inventory = (change: Partial<StoredConnector> = {}): ConnectInventory => ({ version: '4.3.1', connectors: [{ ...shop, ...change }] })
  test.each<[string, ConnectInventory]>([
    ['connector-missing', { version: '4.3.1', connectors: [] }],
    ['connector-config-differs', inventory({ config: { ...shop.config, 'snapshot.mode': 'never' } })],
    // One digit that a float would have lost.
    [
      'connector-offset-differs',
      inventory({ offsets: [{ partition: { server: 'shop' }, offset: { ...shop.offsets[0]?.offset, lsn: 9007199254740992n } }] }),
    ],
    ['connector-state-differs', inventory({ state: 'STOPPED' })],
  ])('diff: %s', (code, other) => {
    expect(diffConnect(inventory(), other).map((finding) => finding.code)).toEqual([code])
    expect(diffConnect(inventory(), inventory())).toEqual([])
  })

  test('the order of attributes and the kind of an integer do not count', () => {
    expect(canonicalJson({ b: 1n, a: [{ d: 1, c: null }] })).toBe(canonicalJson({ a: [{ c: null, d: 1 }], b: 1 }))
  })

  test('verify: a whole part gives notes only; a secret in clear and a missing connector are harm', async () => {
    const severities = async (connectors: StoredConnector[]) =>
      (await verifyConnect({ part, reader: await stored(connectors) }))
        .filter((finding) => finding.severity === 'harm')
        .map((finding) => finding.code)
    expect(await severities([shop])).toEqual([])
    expect(await severities([])).toEqual(['connector-missing'])
    expect(await severities([{ ...shop, config: { ...shop.config, 'database.password': 'hunter2' } }])).toEqual([
      'connector-config-differs',
      'secret-in-backup',
    ])
  })
})

test('a part of a newer format, and one that does not fit, are told apart', () => {
  expect(parseConnectPart(JSON.parse(JSON.stringify(part)))).toEqual(part)
  expect(() => parseConnectPart({ ...part, format: 2 })).toThrow(expect.objectContaining({ code: 'format-too-new' }) as Error)
  expect(() => parseConnectPart({ ...part, extra: 1 })).toThrow(expect.objectContaining({ code: 'artifact-damaged' }) as Error)
})

test('the plan names the secrets that it will need', () => {
  expect(planRestoreConnect(part).map((step) => step.text)).toEqual([
    'create connector shop STOPPED (or find it so)',
    'fill in database.password of shop from the environment or the secrets file',
    'write the offset of shop and read it back',
    'resume shop',
  ])
})

test("Confluent's builds are counted as the Kafka that they are", () => {
  expect(['4.3.1', '3.6.2', '7.6.0-ccs', '8.3.1-ce', 'unknown'].map(kafkaVersionOf)).toEqual([
    { major: 4, minor: 3 },
    { major: 3, minor: 6 },
    { major: 3, minor: 6 },
    { major: 4, minor: 3 },
    undefined,
  ])
})

test('check of a worker that is down fails one item and does not throw', async () => {
  const config = { url: 'http://127.0.0.1:1', configTopic: 'c', offsetTopic: 'o', statusTopic: 's' }
  expect((await checkConnect(config, silentContext())).map((item) => item.verdict)).toEqual(['fail'])
})
