import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '../src/base/finding.ts'
import type { CheckItem } from '../src/components/component.ts'
import type { Artifact } from '../src/repository/artifact.ts'
import { type CliRun, datapipe, resultOf, told } from './cli.ts'
import { at, expectRefusal, expectSuccess } from './cli-outcomes.ts'
import { copyRepository, oneOf } from './damaged-copies.ts'
import { type ConfigFile, changeByte, type SmallPipeline, startSmallPipeline } from './small-pipeline.ts'

/**
 * Targets that must not be written to, the traps of a restore, and everything wiped and back, on real servers and by the command line. The
 * tests go on from each other: one stack, one backup.
 */
let directory: string
let pipeline: SmallPipeline
let config: string
let id: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-bad-targets-'))
  // Restored servers run under another user where we are root.
  await chmod(directory, 0o755)
  pipeline = await startSmallPipeline(directory)
  // Of somebody else: no connector of the backup reads it.
  await pipeline.sql("SELECT pg_create_logical_replication_slot('reports_slot', 'pgoutput')")
  config = await pipeline.configFile('datapipe')
  id = resultOf<{ id: string }>(await expectSuccess(on('backup'))).id
})

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

const on = (...args: string[]) => at(config, ...args)
const copied = (name: string) => copyRepository({ directory, pipeline, id }, name)

/** A backup of one topic, damaged. */
async function damagedOrders(): Promise<string> {
  const root = join(directory, 'of-orders')
  const file = await pipeline.configFile('of-orders', (all) => {
    all.repository.url = pathToFileURL(root).href
    all.kafka.topics = { include: ['orders'] }
    for (const name of ['postgres', 'registry', 'connect'] as const) delete (all as Partial<ConfigFile>)[name]
  })
  const ofOrders = resultOf<{ id: string }>(await expectSuccess(at(file, 'backup'))).id
  const { artifacts } = JSON.parse(await readFile(join(root, 'backups', ofOrders, 'manifest.json'), 'utf8')) as { artifacts: Artifact[] }
  await changeByte(join(root, oneOf(artifacts, 'kafka', /orders/).path))
  return file
}

describe('a target that must not be written to', () => {
  test('the source itself, and servers that hold data, are refused together', async () => {
    const before = await everything()
    const run = await on('restore', id)
    // One look tells of all that is in the way.
    expectRefusal(run, 41, 'target-is-source', /is the one that the backup came from/)
    for (const other of [/already has shop/, /a PostgreSQL server \(pid \d+\) runs on/, /topic orders has records/])
      expect(run.error?.message).toMatch(other)
    // Each with a hint of its own, and for people on lines of their own. The registry holds exactly the backup, and is in nobody's way.
    expect(run.error?.reasons?.map(({ code }) => code)).toEqual(['target-is-source', 'target-not-empty', 'target-not-empty', 'target-not-empty'])
    expect(new Set(run.error?.reasons?.map(({ hint }) => hint)).size).toBeGreaterThan(2)
    const shown = await datapipe(['--config', config, 'restore', id])
    expect(shown.stderr).toMatch(
      /error: 4 things stand in the way\n {2}1\. Kafka cluster .*\n(?: {5}at: .*\n)? {5}hint: if you mean it, say --in-place\n {2}2\. /,
    )
    expectRefusal(await on('restore', id, '--only', 'kafka'), 41, 'target-is-source', /is the one that the backup came from/)
    expectRefusal(await on('restore', id, '--only', 'kafka', '--in-place'), 40, 'target-not-empty', /topic orders has records/)
    expectRefusal(await on('restore', id, '--only', 'connect'), 40, 'target-not-empty', /already has shop/)
    expectRefusal(await on('restore', id, '--only', 'postgres', '--in-place'), 40, 'target-not-empty', /a PostgreSQL server \(pid \d+\) runs on/)
    expect(await everything()).toEqual(before)
  })

  test('a dry run shows the plan while everything runs, and every refusal with what to type: exit 20', async () => {
    const before = await everything()
    const run = await on('restore', id, '--dry-run')
    expect(run.exitCode, told(run)).toBe(20)
    const { plan, findings } = resultOf<{ plan: { text: string }[]; findings: Finding[] }>(run)
    for (const text of [/^leave the registry as it is: it holds exactly/, /^unpack the base backup .* pg_control last$/, /^recover to /])
      expect(plan.map((step) => step.text)).toContainEqual(expect.stringMatching(text))
    const refusals = findings.filter(({ code }) => code === 'would-refuse').map(({ component, message, next }) => `${component} ${message}: ${next}`)
    for (const refusal of [/^kafka .* is the one that the backup came from/, /^kafka .*topic orders has records/, /^connect .*already has shop/])
      expect(refusals).toContainEqual(expect.stringMatching(refusal))
    expect(refusals).toContainEqual(expect.stringMatching(/^postgres .* runs on (\S+): .*pg_ctl -D \1 stop -m fast; mv \1 \1\.old$/))
    expect(await everything()).toEqual(before)
  })
})

/** What the servers hold, by their own protocols. */
async function everything() {
  const admin = pipeline.kafka.admin()
  await admin.connect()
  try {
    const topics = (await admin.listTopics()).filter((topic) => !topic.startsWith('__')).sort()
    return {
      rows: await pipeline.sql('SELECT count(*)::int AS rows FROM item').catch(() => 'no server'),
      topics,
      orders: topics.includes('orders') ? (await admin.fetchTopicOffsets('orders')).map(({ high }) => high) : [],
      groups: (await admin.listGroups()).groups.map(({ groupId }) => groupId).filter((group) => group === 'billing'),
      subjects: (await pipeline.registry('GET', '/subjects')).body,
      connectors: (await pipeline.connect('GET', '/connectors')).body,
    }
  } finally {
    await admin.disconnect()
  }
}

/** A datapipe.yaml that knows one component. */
const only = (component: 'postgres' | 'kafka' | 'registry') =>
  pipeline.configFile(`only-${component}`, (all) => {
    for (const name of ['postgres', 'kafka', 'registry', 'connect'] as const) if (name !== component) delete (all as Partial<ConfigFile>)[name]
  })

const failedItems = (run: CliRun) => resultOf<{ items: CheckItem[] }>(run).items.filter(({ verdict }) => verdict === 'fail')

const harm = (run: CliRun) => resultOf<{ findings: Finding[] }>(run).findings.filter(({ severity }) => severity === 'harm')

describe('the traps, seen', () => {
  test('check finds an offset that is ahead of the database', async () => {
    await pipeline.connect('PUT', '/connectors/shop/stop')
    await pipeline.untilConnector('STOPPED')
    const offset = await pipeline.storedOffset()
    const write = async (value: Record<string, unknown>) => {
      const body = { offsets: [{ partition: { server: 'shop' }, offset: value }] }
      expect(await pipeline.connect('PATCH', '/connectors/shop/offsets', body)).toMatchObject({ status: 200 })
    }
    await write({ ...offset, lsn: BigInt(String(offset.lsn)) + (1n << 40n) })
    const run = await on('check')
    expect(run.exitCode, told(run)).toBe(20)
    expect(failedItems(run)).toEqual([
      expect.objectContaining({ name: 'offset of shop is not ahead of the database', next: expect.stringMatching(/\w/) as string }),
    ])
    await write(offset)
  })

  test('diff finds a changed row, a doubled and a dropped record, and nothing else in what stood still', async () => {
    await pipeline.sql("UPDATE item SET name = 'not what it was' WHERE id = 7; DELETE FROM item WHERE id = 8")
    const producer = pipeline.kafka.producer()
    await producer.connect()
    await producer.send({ topic: 'orders', messages: [{ key: 'k18', value: 'order 18', partition: 0, headers: { n: '18' } }] })
    await producer.disconnect()
    const admin = pipeline.kafka.admin()
    await admin.connect()
    await admin.fetchTopicOffsets('orders')
    await admin.deleteTopicRecords({ topic: 'orders', partitions: [{ partition: 1, offset: '1' }] })
    await admin.disconnect()

    const rows = await at(await only('postgres'), 'diff', id, 'live')
    expect(rows.exitCode, told(rows)).toBe(20)
    expect(harm(rows)).toEqual([
      expect.objectContaining({ item: 'postgres: table "public"."item"', message: expect.stringMatching(/7.*item 7.*not what it was/) as string }),
      expect.objectContaining({ item: 'postgres: table "public"."item"', message: expect.stringMatching(/8/) as string }),
    ])

    const records = await at(await only('kafka'), 'diff', id, 'live')
    expect(records.exitCode, told(records)).toBe(20)
    const ofOrders = harm(records).filter(({ item }) => item.startsWith('orders'))
    expect(ofOrders.map(({ code, item }) => `${code} ${item}`).sort()).toEqual(['record-extra orders/0/10', 'record-missing orders/1/0'])
    expect(JSON.stringify(ofOrders)).toContain('k18')
    // What Connect keeps itself in holds configurations, with whatever stands in clear in them.
    const ofConnect = resultOf<{ findings: Finding[] }>(records).findings.filter(({ item }) => item.startsWith('connect-configs/'))
    expect(ofConnect.map(({ message }) => message)).toContainEqual(
      expect.stringMatching(/key "target-state-shop", value \d+ bytes \(SHA-256/) as string,
    )
    expect(told(records)).not.toContain('state.v2')
  })

  test('diff of two live sides: the same, and what one side lacks is not compared, which is no yes', async () => {
    const orders = await pipeline.configFile('live-orders', (all) => {
      all.kafka.topics = { include: ['orders'] }
      for (const name of ['postgres', 'registry', 'connect'] as const) delete (all as Partial<ConfigFile>)[name]
    })
    const same = await at(orders, 'diff', 'live', 'live')
    expect(same.exitCode, told(same)).toBe(0)
    expect(resultOf(same)).toMatchObject({ a: 'live', b: 'live (b)', compared: ['kafka'], differing: [], findings: [] })
    const more = await pipeline.configFile('live-more', (all) => {
      all.kafka.topics = { include: ['orders'] }
      for (const name of ['postgres', 'connect'] as const) delete (all as Partial<ConfigFile>)[name]
    })
    const lopsided = await at(orders, 'diff', 'live', 'live', '--against', more)
    expect(lopsided.exitCode, told(lopsided)).toBe(21)
    expect(resultOf(lopsided)).toMatchObject({
      compared: ['kafka'],
      findings: [
        { severity: 'warning', code: 'not-compared', component: 'registry', message: expect.stringMatching(/^live has no registry/) as string },
      ],
    })
  })

  test('check finds a slot that is gone', async () => {
    await pipeline.sql("SELECT pg_drop_replication_slot('shop_slot')")
    const run = await on('check')
    expect(run.exitCode, told(run)).toBe(20)
    expect(failedItems(run)).toEqual([expect.objectContaining({ name: 'slot of shop is there', next: expect.stringMatching(/restore/) as string })])
  })
})

describe('wiped, and back', () => {
  let ofOrders: string

  test('wipe without the identity of its target removes nothing', async () => {
    ofOrders = await damagedOrders()
    const before = await everything()
    const run = await on('wipe')
    expectRefusal(run, 54, 'confirmation-missing', /this would remove/)
    expectRefusal(await on('wipe', '--yes', 'another'), 54, 'confirmation-missing', /another is not the identity/)
    // Right for Kafka, and for nothing else of what would go.
    expectRefusal(await on('wipe', '--yes', await identityOf('kafka')), 54, 'confirmation-missing', /is not the identity/)
    expect(await everything()).toEqual(before)

    await expectSuccess(on('wipe', '--yes', run.error?.path ?? ''))
    const { topics, subjects, connectors, groups } = await everything().catch(async (error: unknown) => {
      throw new Error(`after the wipe: ${String(error)}`)
    })
    expect({ orders: topics.includes('orders'), subjects, connectors, groups }).toEqual({ orders: false, subjects: [], connectors: [], groups: [] })
  })

  test('diff finds a schema whose id has moved', async () => {
    const field = { name: 'another', type: 'string' }
    const schema = JSON.stringify({ type: 'record', name: 'Order', fields: [field] })
    expect(await pipeline.registry('POST', '/subjects/orders-value/versions', { schema })).toMatchObject({ status: 200 })
    const run = await at(await only('registry'), 'diff', id, 'live')
    expect(run.exitCode, told(run)).toBe(20)
    expect(
      harm(run)
        .filter(({ item }) => item === 'orders-value/1')
        .map(({ code }) => code),
    ).toEqual(['schema-differs', 'id-moved'])
    await expectSuccess(on('wipe', '--only', 'registry', '--yes', await identityOf('registry')))
  })

  test('a changed byte stops the restore of topics and of the registry, too', async () => {
    const { file, root, artifacts } = await copied('all-damaged')
    for (const { component, path } of artifacts) if (component === 'registry') await changeByte(join(root, path))
    expectRefusal(await at(file, 'restore', id, '--only', 'registry'), 37, 'artifact-damaged', /registry/)
    expect((await everything()).subjects).toEqual([])
    expectRefusal(await at(ofOrders, 'restore', 'latest', '--in-place'), 37, 'artifact-damaged', /orders/)
    // Not half of it: what was loaded is taken back.
    expect((await everything()).orders.filter((end) => end !== '0')).toEqual([])
    await expectSuccess(on('wipe', '--only', 'kafka', '--yes', await identityOf('kafka')))
  })

  test('when topics fail, nobody is let into the recovered PostgreSQL', async () => {
    await pipeline.stack.destroy('postgres')
    const { root, artifacts } = await copied('orders-damaged')
    await changeByte(join(root, oneOf(artifacts, 'kafka', /orders/).path))
    const file = await pipeline.configFile('orders-damaged', ({ repository }) => {
      repository.url = pathToFileURL(root).href
    })
    const run = await at(file, 'restore', id, '--in-place')
    expectRefusal(run, 37, 'artifact-damaged', /orders/)
    expect(run.events.filter(({ type }) => type === 'phase')).toContainEqual(expect.objectContaining({ name: 'postgres: recover', status: 'done' }))
    expect(await everything()).toMatchObject({ rows: 'no server', orders: [] })
  })

  test('a dry run prints the plan and touches nothing; the restore then goes on with the registry and the recovered server, and nothing was lost', async () => {
    const before = await everything()
    const dry = await expectSuccess(on('restore', id, '--in-place', '--dry-run'))
    const { plan } = resultOf<{ plan: { component: string; text: string }[] }>(dry)
    expect(plan.map(({ component }) => component)).toEqual(expect.arrayContaining(['registry', 'kafka', 'postgres', 'connect']))
    for (const text of [/^go on with the server .* recovered/, /^leave the registry as it is/])
      expect(plan.map((step) => step.text)).toContainEqual(expect.stringMatching(text))
    expect(await everything()).toEqual(before)

    const restored = await expectSuccess(on('restore', id, '--in-place'))
    const phases = restored.events.flatMap((event) => (event.type === 'phase' ? [event.name] : []))
    expect(phases).toContain('postgres: start the recovered server')
    expect(phases).not.toContain('postgres: unpack base backup')
    await pipeline.untilConnector('RUNNING RUNNING')
    expect(await everything()).toMatchObject({ rows: [{ rows: 20 }], orders: ['10', '10'], groups: ['billing'], connectors: ['shop'] })
    // A restored server does not archive into its source's archive until somebody says so.
    const checked = await on('check')
    expect(failedItems(checked), told(checked)).toEqual([
      expect.objectContaining({
        name: expect.stringMatching(/^archiving into/) as string,
        detail: expect.stringContaining('archive_command is empty') as string,
      }),
    ])
    const { findings } = resultOf<{ findings: Finding[] }>(await on('diff', id, 'live'))
    const moving = /^(connect-|__debezium-heartbeat|kafkasql|__consumer|registry)/
    expect(findings.filter(({ severity, component, item }) => severity === 'harm' && component !== 'connect' && !moving.test(item))).toEqual([])
  })
})

test('PostgreSQL alone: what was not made and not written is told', async () => {
  await pipeline.stack.destroy('postgres')
  // Who types the whole restore is told what is lost and what lives.
  const all = await on('restore', id)
  expectRefusal(all, 41, 'target-is-source', /is the one that the backup came from/)
  expect(all.events).toContainEqual({
    type: 'finding',
    finding: expect.objectContaining({
      code: 'partly-lost',
      item: 'postgres',
      next: expect.stringMatching(/--only postgres connect --dry-run$/) as string,
    }) as Finding,
  })
  const { findings } = resultOf<{ findings: Finding[] }>(
    await expectSuccess(on('restore', id, '--only', 'postgres', '--phantoms', 'compensate', '--in-place')),
  )
  expect(findings).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ severity: 'warning', code: 'slot-not-created', item: 'reports_slot' }),
      expect.objectContaining({ severity: 'warning', code: 'offset-not-written', component: 'connect', item: 'shop' }),
    ]),
  )
})

async function identityOf(component: string): Promise<string> {
  return resultOf<{ identity: string }>(await expectSuccess(on('wipe', '--only', component, '--dry-run'))).identity
}
