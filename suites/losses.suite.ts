import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '../src/base/finding.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import type { RestoreResult } from '../src/commands/restore.ts'
import { type CliRun, resultOf, told } from './cli.ts'
import { at, expectRefusal, expectSuccess } from './cli-outcomes.ts'
import { readEverything } from './kafka-reading.ts'
import { type SmallPipeline, startSmallPipeline } from './small-pipeline.ts'

/** One part is lost while everything else lives on: a group reset, connectors, a topic, the registry. By the command line, on one pipeline and one backup. */
let directory: string
let pipeline: SmallPipeline
let config: string
let id: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-losses-'))
  await chmod(directory, 0o755)
  pipeline = await startSmallPipeline(directory)
  await setPositions('audit', 'orders', [1, 2])
  await setPositions('elsewhere', 'shop.public.item', [1])
  config = await pipeline.configFile('datapipe')
  id = resultOf<{ id: string }>(await expectSuccess(on('backup'))).id
})

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

const on = (...args: string[]) => at(config, ...args)
const plan = (run: CliRun) => resultOf<RestoreResult>(run).plan.map(({ text }) => text)
const findings = (run: CliRun) => resultOf<{ findings: Finding[] }>(run).findings

async function withAdmin<T>(use: (admin: ReturnType<SmallPipeline['kafka']['admin']>) => Promise<T>): Promise<T> {
  const admin = pipeline.kafka.admin()
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

const setPositions = (groupId: string, topic: string, offsets: number[]) =>
  withAdmin((admin) => admin.setOffsets({ groupId, topic, partitions: offsets.map((offset, partition) => ({ partition, offset: `${offset}` })) }))

const positions = (groupId: string, topic: string) =>
  withAdmin(async (admin) => {
    const [found] = await admin.fetchOffsets({ groupId, topics: [topic] })
    return (found?.partitions ?? []).sort((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset))
  })

const ends = (topic: string) =>
  withAdmin(async (admin) => (await admin.fetchTopicOffsets(topic)).sort((a, b) => a.partition - b.partition).map(({ high }) => Number(high)))

/** How often each item's id stands in the keys of the CDC topic. Key: magic byte, schema id, zigzag varint. */
async function eventsOf(...ids: number[]): Promise<number[]> {
  const records = (await readEverything(pipeline.kafka, ['shop.public.item']))['shop.public.item/0'] ?? []
  const keys = records.map(({ key }) => Buffer.from(String(key), 'hex')).filter((key) => key.length > 5)
  const found = keys.map((key) => ((key[5] ?? 0) & 0x80 ? ((key[5] ?? 0) & 0x7f) | ((key[6] ?? 0) << 7) : (key[5] ?? 0)) >> 1)
  return ids.map((wanted) => found.filter((each) => each === wanted).length)
}

const untilEvents = (...ids: number[]) =>
  waitUntil(async () => (await eventsOf(...ids)).every((count) => count > 0), {
    what: `the events of items ${ids.join(', ')}`,
    timeoutMs: 120_000,
    everyMs: 300,
    lastWords: () => pipeline.stack.lastLog('connect', 40),
  })

describe('a consumer group that was reset by mistake', () => {
  test('its positions come back, and nothing else is touched', async () => {
    await setPositions('billing', 'orders', [10, 10])
    await setPositions('audit', 'orders', [10, 10])
    const before = await ends('orders')
    const dry = await expectSuccess(on('restore', id, '--only', 'kafka', '--group', 'bill*', '--dry-run'))
    expect(plan(dry)).toEqual(['set group billing in orders/0 to 4 (now: 10), which gives it 6 offsets again'])
    expect(await positions('billing', 'orders')).toEqual([10, 10])
    const run = await expectSuccess(on('restore', id, '--only', 'kafka', '--group', 'billing'))
    expect(resultOf<RestoreResult>(run).outcomes).toMatchObject([{ component: 'kafka', counts: { groups: 1, positions: 1 } }])
    // It had none in partition 1, and what it has there now is nobody's mistake to mend.
    expect(await positions('billing', 'orders')).toEqual([4, 10])
    expect(await positions('audit', 'orders')).toEqual([10, 10])
    expect(await ends('orders')).toEqual(before)
  })

  test('refused: members, no such group, options that do something else; and not by --only kafka', async () => {
    const consumer = pipeline.kafka.consumer({ groupId: 'billing' })
    await consumer.connect()
    await consumer.subscribe({ topics: ['orders'] })
    const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve))
    await consumer.run({ autoCommit: false, eachMessage: async () => {} })
    await joined
    const alone = ['restore', id, '--only', 'kafka', '--group'] as const
    expectRefusal(await on(...alone, 'billing'), 49, 'group-not-applied', /group billing has members \(Stable\)/)
    await consumer.disconnect()
    const two = await expectSuccess(on(...alone, 'billing', 'elsewhere', '--topic', 'orders', '--dry-run'))
    expect(findings(two)).toMatchObject([{ severity: 'warning', code: 'group-without-position', item: 'elsewhere' }])
    expectRefusal(await on(...alone, 'nobody*'), 64, 'topic-pattern-empty', /--group nobody\* matches no group/)
    expectRefusal(await on(...alone, 'billing', '--rename', 'a=b'), 64, 'usage', /--rename means nothing with --group/)
    expectRefusal(await on('restore', id, '--group', 'billing'), 64, 'usage', /sets positions of consumer groups alone/)
    expectRefusal(await on('restore', '--only', 'kafka', '--group', 'billing'), 64, 'usage', /no BACKUP is named/)
    expectRefusal(await on(...alone, 'billing', '--topic', 'other'), 49, 'group-not-applied', /no position is left/)
  })

  test('a position that the log does not reach any more is set to its nearest place, and what is gone is told', async () => {
    await setPositions('audit', 'orders', [10, 10])
    await withAdmin(async (admin) => {
      await admin.fetchTopicOffsets('orders')
      await admin.deleteTopicRecords({ topic: 'orders', partitions: [{ partition: 0, offset: '3' }] })
    })
    const run = await on('restore', id, '--only', 'kafka', '--group', 'audit')
    expect(run.exitCode, told(run)).toBe(22)
    expect(findings(run)).toEqual([
      expect.objectContaining({
        severity: 'harm',
        code: 'position-before-log',
        item: 'audit/orders/0',
        message: expect.stringMatching(/stood at 1, .* begins at 3 .* 2 offsets/) as string,
      }),
    ])
    expect(await positions('audit', 'orders')).toEqual([3, 2])
  })
})

describe('connectors that were deleted, with their offsets', () => {
  test('they come back at the live slot: no event is missing, none is there twice', async () => {
    await pipeline.sql("INSERT INTO item VALUES (101, 'before')")
    await untilEvents(101)
    const wipe = resultOf<{ identity: string }>(await expectSuccess(on('wipe', '--only', 'connect', '--dry-run'))).identity
    await expectSuccess(on('wipe', '--only', 'connect', '--yes', wipe))
    await pipeline.sql("INSERT INTO item VALUES (102, 'meanwhile')")
    const run = await expectSuccess(on('restore', id, '--only', 'connect'))
    expect(resultOf<RestoreResult>(run).outcomes).toMatchObject([{ component: 'connect', counts: { connectors: 1, offsets: 1 } }])
    await pipeline.untilConnector('RUNNING RUNNING')
    await pipeline.sql("INSERT INTO item VALUES (103, 'behind')")
    await untilEvents(102, 103)
    expect(await eventsOf(101, 102, 103)).toEqual([1, 1, 1])
  })
})

describe('one topic that was deleted while the pipeline lives', () => {
  test('it comes back with its groups, and the plan and the result say what is missing, of whose, and how to catch up', async () => {
    await pipeline.connect('PUT', '/connectors/shop/stop')
    await pipeline.untilConnector('STOPPED')
    await withAdmin((admin) => admin.deleteTopics({ topics: ['orders', 'shop.public.item'] }))
    const offsetMap = join(directory, 'map.json')
    const these = ['restore', id, '--only', 'kafka', '--in-place', '--topic', 'orders', 'shop.public.item']
    const dry = await expectSuccess(on(...these, '--dry-run'))
    const told = [
      expect.objectContaining({
        severity: 'warning',
        code: 'topic-ends-at-backup',
        item: 'orders',
        message: expect.stringMatching(/what was written to it after 20\d\d-.*Z is not in the backup/) as string,
      }),
      expect.objectContaining({
        severity: 'warning',
        code: 'topic-ends-at-backup',
        item: 'shop.public.item',
        message: expect.stringMatching(/connector shop captured .* behind [0-9A-F]+\/[0-9A-F]+/) as string,
        next: expect.stringMatching(/snapshot/) as string,
      }),
    ]
    const endsAtBackup = (run: CliRun) => findings(run).filter(({ code }) => code === 'topic-ends-at-backup')
    expect(endsAtBackup(dry)).toEqual(told)
    const run = await expectSuccess(on(...these, '--offset-map', offsetMap))
    expect(endsAtBackup(run)).toEqual(told)
    expect(await ends('orders')).toEqual([10, 10])
    expect((await positions('billing', 'orders'))[0]).toBe(4)
    await pipeline.connect('PUT', '/connectors/shop/resume')
    await pipeline.untilConnector('RUNNING RUNNING')

    // The same name is not the same topic: its group goes back by the map alone.
    await setPositions('billing', 'orders', [10, 10])
    const group = ['restore', id, '--only', 'kafka', '--group', 'billing', '--topic', 'orders']
    expectRefusal(await on(...group), 49, 'group-not-applied', /topic orders is another one than in the backup/)
    await expectSuccess(on(...group, '--by-offset-map', offsetMap))
    expect(await positions('billing', 'orders')).toEqual([4, 10])
    expectRefusal(await on(...group, '--by-offset-map', config), 64, 'usage', /is no JSON/)
  })
})

describe('the registry, lost while Kafka lives on', () => {
  const journals = ['kafkasql-journal', 'kafkasql-snapshots', 'registry-events']
  const register = async (subject: string, field: string) => {
    const schema = JSON.stringify({ type: 'record', name: 'Late', fields: [{ name: field, type: 'string' }] })
    const { body } = await pipeline.registry('POST', `/subjects/${subject}/versions`, { schema })
    return Number((body as { id: unknown }).id)
  }
  const loseRegistry = async () => {
    await pipeline.stack.destroy('registry')
    await withAdmin((admin) => admin.deleteTopics({ topics: journals }))
  }
  const idLost = (late: number) =>
    expect.objectContaining({
      severity: 'harm',
      code: 'live-id-lost',
      item: `id ${late}`,
      message: expect.stringMatching(/^late\/0\/0 is the first live record that carries it/) as string,
    })
  let late: number
  /** One record in a topic of its own that the backup does not have. */
  const writeLate = async (schemaId: number) => {
    await withAdmin((admin) => admin.createTopics({ waitForLeaders: true, topics: [{ topic: 'late', numPartitions: 1, replicationFactor: 1 }] }))
    const producer = pipeline.kafka.producer()
    await producer.connect()
    await producer.send({ topic: 'late', messages: [{ key: 'late', value: Buffer.from([0, 0, 0, 0, schemaId, 2, 0x61]) }] })
    await producer.disconnect()
  }

  test('an id that a live record carries, registered since the backup, is told: the registry would give it to another schema', async () => {
    // Running, it would register its schemas in the empty registry, with other ids.
    await pipeline.connect('PUT', '/connectors/shop/stop')
    await pipeline.untilConnector('STOPPED')
    late = await register('late-value', 'a')
    await writeLate(late)
    await loseRegistry()
    await pipeline.stack.start('registry')
    const dry = await on('restore', id, '--only', 'registry', '--dry-run')
    expect(findings(dry), told(dry)).toContainEqual(idLost(late))
    const run = await on('restore', id, '--only', 'registry')
    expect(run.exitCode, told(run)).toBe(22)
    expect(findings(run)).toContainEqual(idLost(late))
    // The damage, once: the registry counts on from the highest id of the backup, and the record is then read by another schema.
    let given = 0
    for (let n = 0; given < late; n++) given = await register(`another-${n}-value`, `field${n}`)
    expect(given).toBe(late)
  })

  test('alone by its raw topic, with the registry down; Kafka must answer to be looked at', async () => {
    await loseRegistry()
    const raw = ['restore', id, '--only', 'registry', '--registry-route', 'raw-topic']
    expectRefusal(await on(...raw), 41, 'target-is-source', /is the one that the backup came from/)
    const before = await ends('orders')
    const run = await on(...raw, '--in-place')
    expect(run.exitCode, told(run)).toBe(22)
    expect(resultOf<RestoreResult>(run)).toMatchObject({
      registryRoute: 'raw-topic',
      restoredTopics: expect.arrayContaining(['kafkasql-journal']) as string[],
    })
    expect(findings(run)).toContainEqual(idLost(late))
    expect(await ends('orders')).toEqual(before)
    expect((await pipeline.registry('GET', '/subjects/orders-value/versions/1')).status).toBe(200)
    const without = await pipeline.configFile('no-kafka', ({ kafka }) => {
      kafka.bootstrapServers = ['127.0.0.1:1']
    })
    const blind = await at(without, 'restore', id, '--only', 'registry', '--dry-run')
    expect(
      findings(blind).map(({ code }) => code),
      told(blind),
    ).toContain('live-ids-not-looked-at')
  })

  test('where Kafka still has its topic, that is the better source, and the plan says so', async () => {
    await withAdmin((admin) => admin.deleteTopics({ topics: ['late'] }))
    await pipeline.connect('PUT', '/connectors/shop/resume')
    await pipeline.untilConnector('RUNNING RUNNING')
    // Taken now: the topic of this backup is the one that lives on.
    const now = resultOf<{ id: string }>(await expectSuccess(on('backup'))).id
    late = await register('later-value', 'c')
    await writeLate(late)
    await pipeline.stack.destroy('registry')
    const dry = await on('restore', now, '--only', 'registry', '--registry-route', 'raw-topic', '--in-place', '--dry-run')
    expect(findings(dry), told(dry)).toContainEqual(
      expect.objectContaining({ severity: 'warning', code: 'registry-topic-lives', item: 'kafkasql-journal' }),
    )
    await pipeline.stack.start('registry')
    expect((await pipeline.registry('GET', `/schemas/ids/${late}`)).status).toBe(200)
  })
})
