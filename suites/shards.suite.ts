import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { DatapipeConfig, KafkaConfig } from '../src/base/config.ts'
import { silentContext } from '../src/base/context.ts'
import { diffKafka, kafkaComponent } from '../src/components/kafka/index.ts'
import { type BackupPlanResult, type BackupResult, type BackupShardResult, backup, restore, verify } from '../src/index.ts'
import { openBackup } from '../src/repository/open-backup.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { localStorage } from '../src/storage/local.ts'
import { resultOf, startDatapipe } from './cli.ts'
import { at, expectRefusal, expectSuccess } from './cli-outcomes.ts'
import { readEverything } from './kafka-reading.ts'

const context = silentContext()
let stack: EmbeddedStack
let kafka: Kafka
let live: KafkaConfig
let config: DatapipeConfig
let file: string
let directory: string

beforeAll(async () => {
  stack = await startEmbeddedStack({ components: ['kafka'], context })
  directory = await mkdtemp(join(tmpdir(), 'datapipe-shards-'))
  const found = stack.config('file:///unused').kafka
  if (found === undefined) throw new Error('the stack has no kafka')
  live = found
  kafka = new Kafka({ brokers: live.bootstrapServers, logLevel: logLevel.NOTHING })
  config = { repository: { url: pathToFileURL(join(directory, 'repository')).href }, kafka: live } as DatapipeConfig
  file = join(directory, 'datapipe.yaml')
  await writeFile(file, stringify(config))
  const admin = kafka.admin()
  await admin.connect()
  const topics = ['orders', 'payments'].map((topic) => ({ topic, numPartitions: 6, replicationFactor: 1 }))
  await admin.createTopics({ waitForLeaders: true, topics })
  await admin.setOffsets({ groupId: 'billing', topic: 'orders', partitions: [{ partition: 0, offset: '3' }] })
  await admin.disconnect()
  await produce(200)
})

afterAll(async () => {
  await stack?.down()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

test('shards are stored by processes at once, one of them killed on the way; the merge makes one backup of one cut, which comes back whole', async () => {
  await backup({ config }, context)
  await produce(200)
  const plan = resultOf<BackupPlanResult>(await at(file, 'backup', '--shards', '3', '--label', 'in shards'))
  expect(plan.load.map(({ partitions }) => partitions).reduce((sum, count) => sum + count)).toBe(12)
  const cut = await readEverything(kafka, ['orders', 'payments'])
  await produce(50)
  expectRefusal(await at(file, 'backup'), 50, 'locked', /is planned and waits for its shards$/)
  expectRefusal(await at(file, 'backup', '--merge'), 38, 'artifact-missing', /^3 of 3 shards of backup \S+ are not stored: 1, 2, 3$/)
  expectRefusal(await at(file, 'backup', '--shard', '1/4'), 64, 'usage', /planned in 3$/)

  using dying = startDatapipe(['--json', '--config', file, 'backup', '--shard', '1/3', '--id', plan.id])
  await dying.event((event) => event.type === 'progress' && event.task === 'kafka backup')
  dying.kill('SIGKILL')
  await dying.ended
  const stored = await Promise.all([1, 2, 3].map((shard) => expectSuccess(at(file, 'backup', '--shard', `${shard}/3`, '--id', plan.id))))
  expect(stored.map((run) => resultOf<BackupShardResult>(run).partitions)).toEqual(plan.load.map(({ partitions }) => partitions))
  expect(resultOf<BackupShardResult>(await at(file, 'backup', '--shard', '2/3')).already).toBe(true)
  // What the shards build on stays, however old it is.
  await expectSuccess(at(file, 'expire', '--keep-last', '1', '--yes', config.repository.url))
  const merged = resultOf<BackupResult>(await expectSuccess(at(file, 'backup', '--merge')))
  expect(merged).toMatchObject({ id: plan.id, exitCode: 0, records: 12 * 400, earlier: { backups: { length: 1 }, files: 12 } })
  expect(await readdir(join(directory, 'repository', 'backups', plan.id))).toEqual(['kafka', 'manifest.json', 'manifest.json.sha256'])
  expect(await verify({ config, all: true }, context)).toMatchObject({ exitCode: 0, backups: [{ findings: [] }, { findings: [] }] })

  const next = await backup({ config }, context)
  expect(next).toMatchObject({ exitCode: 0, records: 12 * 450, earlier: { files: 24 } })
  await diffIsEmpty()
  await kafkaComponent.wipe(live, context)
  expect(await restore({ config, backup: plan.id, inPlace: true }, context)).toMatchObject({ exitCode: 0 })
  expect(await readEverything(kafka, ['orders', 'payments'])).toEqual(cut)
})

test('a planned backup is given up with --fresh; what is typed together and does not belong together is refused', async () => {
  const plan = resultOf<BackupPlanResult>(await at(file, 'backup', '--shards', '2', '--full'))
  expectRefusal(await at(file, 'backup', '--shard', '1/2', '--merge'), 64, 'usage', /are different runs$/)
  expectRefusal(await at(file, 'backup', '--shard', 'one/2'), 64, 'usage', /is no shard$/)
  await expectSuccess(at(file, 'backup', '--fresh'))
  expectRefusal(await at(file, 'backup', '--merge', '--id', plan.id), 35, 'backup-not-found', /was not planned$/)
  await diffIsEmpty()
})

async function produce(count: number): Promise<void> {
  const producer = kafka.producer()
  await producer.connect()
  for (const topic of ['orders', 'payments']) {
    const messages = Array.from({ length: 6 * count }, (_, n) => ({ partition: n % 6, key: `k${n}`, value: `value ${n} `.repeat(20) }))
    await producer.send({ topic, messages })
  }
  await producer.disconnect()
}

async function diffIsEmpty(): Promise<void> {
  const opened = await openBackup(localStorage(join(directory, 'repository')), 'latest')
  const part = kafkaComponent.parsePart(opened.manifest.components.kafka)
  expect(await diffKafka({ kind: 'backup', part, reader: opened.component('kafka') }, { kind: 'live', config: live }, context)).toEqual([])
}
