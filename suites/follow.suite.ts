import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Kafka, logLevel } from 'kafkajs'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { DatapipeConfig } from '../src/base/config.ts'
import { silentContext } from '../src/base/context.ts'
import { kafkaComponent } from '../src/components/kafka/index.ts'
import { parsePostgresPart } from '../src/components/postgres/part.ts'
import { type FollowResult, list, restore, verify } from '../src/index.ts'
import { openBackup } from '../src/repository/open-backup.ts'
import { type EmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { localStorage } from '../src/storage/local.ts'
import { type RunningCli, resultOf, startDatapipe } from './cli.ts'
import { at, expectRefusal } from './cli-outcomes.ts'
import { readEverything } from './kafka-reading.ts'

const context = silentContext()
let stack: EmbeddedStack
let kafka: Kafka
let directory: string

beforeAll(async () => {
  stack = await startEmbeddedStack({ components: ['postgres', 'kafka'], context })
  directory = await mkdtemp(join(tmpdir(), 'datapipe-follow-'))
  const { kafka: live } = stack.config('file:///unused')
  if (live === undefined) throw new Error('the stack has no kafka')
  kafka = new Kafka({ brokers: live.bootstrapServers, logLevel: logLevel.NOTHING })
  await sql('CREATE TABLE entry (n int PRIMARY KEY)')
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: 'entries', numPartitions: 2, replicationFactor: 1 }] })
  await admin.disconnect()
})

afterAll(async () => {
  await stack?.down()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

// Before the other: a restored server archives nothing until somebody says so.
test('with an archive of WAL a later run goes on from the same base backup, and --keep-last removes what is behind', async () => {
  const { file, config } = await configured('archived')
  const run = async () => {
    using running = startDatapipe(['--json', '--config', file, 'backup', '--follow', '--every', '3600', '--keep-last', '3'])
    await committed(running)
    running.kill('SIGINT')
    return resultOf<FollowResult>(await running.ended)
  }
  const first = await run()
  const second = await run()
  const { backups } = await list({ config }, context)
  expect(backups.map(({ id }) => id).slice(-2)).toContain(second.last.id)
  expect(backups).toHaveLength(3)
  expect(await baseOf('archived', second.last.id)).toBe(await baseOf('archived', first.last.id))
  expect(await verify({ config, all: true }, context)).toMatchObject({ exitCode: 0 })
})

test('follows: a killed one loses what came after its last point, the next goes on, SIGTERM takes a last point, and all comes back', async () => {
  const { file, config } = await configured('received', { mode: 'receive', slot: 'datapipe_follow' })
  await write(1)
  using first = startDatapipe(['--json', '--config', file, 'backup', '--follow', '--every', '1'])
  const one = await committed(first)
  await write(2)
  const two = await committed(first)
  expect(await slots()).toEqual(['datapipe_follow'])
  await write(3)
  await committed(first)
  let points = 0
  await first.event((event) => event.type === 'phase' && event.name === 'copy topics' && event.status === 'start' && ++points === 4)
  first.kill('SIGKILL')
  await first.ended

  expect(await verify({ config, all: true }, context)).toMatchObject({ exitCode: 0 })
  const bases = await Promise.all([one, two].map((id) => baseOf('received', id)))
  expect(bases[1]).toBe(bases[0])
  expect(bases[0]).toContain(one)

  using second = startDatapipe(['--json', '--config', file, 'backup', '--follow', '--every', '3600'])
  await committed(second)
  await write(4)
  second.kill('SIGTERM')
  const ended = await second.ended
  expect(ended.exitCode, ended.stderr).toBe(0)
  expect(resultOf<FollowResult>(ended)).toMatchObject({ points: 2, last: { exitCode: 0 } })
  expect(await slots()).toEqual([])
  expect(await verify({ config, all: true }, context)).toMatchObject({ exitCode: 0 })

  const { kafka: live } = config
  if (live === undefined) throw new Error('no kafka')
  const records = await readEverything(kafka, ['entries'])
  await kafkaComponent.wipe(live, context)
  await stack.destroy('postgres')
  expect(await restore({ config, backup: 'latest', inPlace: true }, context)).toMatchObject({ exitCode: 0 })
  expect(await sql('SELECT n FROM entry ORDER BY n')).toEqual([1, 2, 3, 4].map((n) => ({ n })))
  expect(await readEverything(kafka, ['entries'])).toEqual(records)
})

test('options that mean something with --follow alone are refused without it', async () => {
  const { file } = await configured('refused')
  expectRefusal(await at(file, 'backup', '--every', '5'), 64, 'usage', /^--every means something with --follow alone/)
})

/** Resolves with the id of the next backup that this follower commits. */
const seen = new WeakMap<RunningCli, Set<string>>()
async function committed(running: RunningCli): Promise<string> {
  const known = seen.get(running) ?? new Set<string>()
  seen.set(running, known)
  const event = await running.event(
    (candidate) => candidate.type === 'log' && candidate.message.startsWith('recovery point committed') && !known.has(candidate.message),
  )
  if (event.type !== 'log') throw new TypeError('a log event')
  known.add(event.message)
  return /backup (\S+),/.exec(event.message)?.[1] ?? ''
}

async function configured(name: string, archive?: Record<string, unknown>): Promise<{ file: string; config: DatapipeConfig }> {
  const { postgres, kafka: section } = stack.config('file:///unused')
  const config = {
    repository: { url: pathToFileURL(join(directory, name)).href },
    postgres: { ...postgres, ...(archive === undefined ? {} : { archive }) },
    kafka: section,
  } as DatapipeConfig
  const file = join(directory, `${name}.yaml`)
  await writeFile(file, stringify(config), { mode: 0o600 })
  return { file, config }
}

/** A row and a record that belong together. */
async function write(n: number): Promise<void> {
  await sql(`INSERT INTO entry VALUES (${n})`)
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'entries', messages: [0, 1].map((partition) => ({ partition, key: `${n}`, value: `entry ${n}` })) })
  await producer.disconnect()
}

async function sql(text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: stack.config('file:///unused').postgres?.url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

async function slots(): Promise<unknown[]> {
  return (await sql('SELECT slot_name FROM pg_replication_slots')).map(({ slot_name }) => slot_name)
}

async function baseOf(name: string, id: string): Promise<string> {
  const { manifest } = await openBackup(localStorage(join(directory, name)), id)
  return parsePostgresPart(manifest.components.postgres).base.control.path
}
