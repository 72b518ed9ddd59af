import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DatapipeEvent } from '../src/base/events.ts'
import type { Finding } from '../src/base/finding.ts'
import type { CheckItem } from '../src/components/component.ts'
import { type CliRun, datapipe, resultOf, startDatapipe, told } from './cli.ts'
import { at, expectRefusal, expectSuccess } from './cli-outcomes.ts'
import { copyRepository, oneOf } from './damaged-copies.ts'
import { type ConfigFile, changeByte, type SmallPipeline, startSmallPipeline } from './small-pipeline.ts'

/**
 * What people get wrong, and what breaks, on real servers and by the command line: each has its exit code and one clear error, and nothing
 * is lost or half-written. The tests go on from each other: one stack, one backup.
 */
let directory: string
let pipeline: SmallPipeline
let config: string
/** The first backup. */
let id: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-bad-input-'))
  // Restored servers run under another user where we are root.
  await chmod(directory, 0o755)
  pipeline = await startSmallPipeline(directory)
  config = await pipeline.configFile('datapipe')
})

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

const on = (...args: string[]) => at(config, ...args)

interface ListedBackup {
  id: string
  state: string
}

async function listed(file = config): Promise<ListedBackup[]> {
  return resultOf<{ backups: ListedBackup[] }>(await expectSuccess(at(file, 'list'))).backups
}

const findingsOf = (run: CliRun) => resultOf<{ backups: { findings: Finding[] }[] }>(run).backups.flatMap(({ findings }) => findings)
const messages = ({ events }: CliRun) => events.flatMap((event) => (event.type === 'log' ? [event.message] : []))

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port')
  return address.port
}

test('one backup through the command line, verified', async () => {
  const run = await expectSuccess(on('backup', '--label', 'first'))
  id = resultOf<{ id: string }>(run).id
  expect(resultOf(run)).toMatchObject({ resumed: false, recoveryPoint: { kind: 'barrier' } })
  expect(await listed()).toEqual([expect.objectContaining({ id, state: 'complete', label: 'first' })])
  await expectSuccess(on('verify', id))
  await expectSuccess(on('check'))
})

test('regression: a topic that is born while a backup is on its way, before its recovery point, belongs to it', async () => {
  const file = await pipeline.configFile('born', (born) => {
    born.repository.url = pathToFileURL(join(directory, 'born')).href
  })
  using run = startDatapipe(['--json', '--config', file, 'backup'])
  await run.event(started('base backup'))
  run.kill('SIGSTOP')
  const admin = pipeline.kafka.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: 'born', numPartitions: 1, replicationFactor: 1 }] })
  await admin.disconnect()
  const producer = pipeline.kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'born', messages: [{ value: 'early' }] })
  await producer.disconnect()
  run.kill('SIGCONT')
  await expectSuccess(run.ended)
  const { kafka } = resultOf<{ kafka: { topics: { name: string; records: string }[] } }>(await expectSuccess(at(file, 'show', 'latest')))
  expect(kafka.topics.find(({ name }) => name === 'born')).toMatchObject({ records: '1' })
})

describe('configuration and servers', () => {
  test('an unknown key is an error that names it', async () => {
    const file = await pipeline.configFile('unknown-key', ({ kafka }) => {
      kafka.topicz = { include: ['orders'] }
    })
    expectRefusal(await at(file, 'backup'), 64, 'config-invalid', /topicz/)
    expect((await at(file, 'backup')).error?.path).toContain('kafka')
  })

  test('without --json the error is on stderr, one message with a hint, and stdout is empty', async () => {
    const run = await datapipe(['--config', join(directory, 'not-there.yaml'), 'backup'])
    expect(run).toMatchObject({ exitCode: 64, stdout: '', stderr: expect.stringMatching(/^error: .*\n(.*\n)*?.*hint: .*\n$/) as string })
  })

  test('a topic pattern that matches nothing fails the backup', async () => {
    const file = await pipeline.configFile('pattern', ({ kafka }) => {
      kafka.topics = { include: ['orders', 'invoices.*'] }
    })
    expectRefusal(await at(file, 'backup'), 64, 'topic-pattern-empty', /invoices\.\*/)
  })

  test('servers that are down are all named', async () => {
    const port = await closedPort()
    const file = await pipeline.configFile('down', (down) => {
      down.repository.url = pathToFileURL(join(directory, 'down')).href
      down.postgres.url = `postgres://admin:secret@127.0.0.1:${port}/postgres`
      down.kafka.bootstrapServers = [`127.0.0.1:${port}`]
      for (const component of ['registry', 'connect'] as const) down[component].url = `http://127.0.0.1:${port}`
    })
    const run = await at(file, 'backup')
    expectRefusal(run, 31, 'unreachable', new RegExp(`127\\.0\\.0\\.1:${port}`))
    expect(run.error?.message.split('; also: ')).toHaveLength(4)
    expect(run.stdout).not.toContain('secret')
    expect(await listed(file)).toEqual([])
    const checked = await at(file, 'check')
    expect(checked.exitCode, told(checked)).toBe(20)
    const failed = resultOf<{ items: CheckItem[] }>(checked).items.filter(({ verdict }) => verdict === 'fail')
    expect(new Set(failed.map(({ component }) => component))).toEqual(new Set(['postgres', 'kafka', 'registry', 'connect']))
  })

  test.each([
    [
      'PostgreSQL',
      ({ postgres }: ConfigFile) => {
        postgres.url = String(postgres.url).replace(/:[^:@]*(\$\{[^}]*\})?@/, ':wrong-one@')
      },
    ],
    [
      'the registry',
      ({ registry }: ConfigFile) => {
        registry.password = 'wrong-one'
      },
    ],
  ])('a wrong password of %s is refused, and not repeated', async (_name, change) => {
    const file = await pipeline.configFile('wrong-password', change)
    const run = await at(file, 'backup')
    expectRefusal(run, 32, 'unauthorized', /\w/)
    expect(run.stdout).not.toContain('wrong-one')
    const checked = await at(file, 'check')
    expect(checked.exitCode, told(checked)).toBe(20)
    expect(checked.stdout).not.toContain('wrong-one')
  })

  test('missing PostgreSQL programs are named with what brings them', async () => {
    const empty = join(directory, 'no-programs')
    await mkdir(empty)
    const file = await pipeline.configFile('no-programs', ({ postgres }) => {
      postgres.binDirectory = empty
      postgres.dataDirectory = join(directory, 'never')
      // From an archive a backup needs no program: the base backup comes over the protocol.
      postgres.archive = { mode: 'receive', slot: 'never' }
    })
    for (const command of [['backup'], ['restore', id, '--only', 'postgres']]) {
      const run = await at(file, ...command)
      expectRefusal(run, 53, 'tool-missing', /PostgreSQL( 1\d)? programs are not installed/)
      expect(run.error?.hint).toMatch(/apt-get install postgresql-\d+/)
    }
    expect(existsSync(join(directory, 'never'))).toBe(false)
    // The first one had got as far as an unfinished backup: without work in it, it is only a line in the list.
    expect((await listed()).filter(({ state }) => state === 'complete')).toHaveLength(1)
  })
})

const started = (name: string) => (event: DatapipeEvent) => event.type === 'phase' && event.name === name && event.status === 'start'

describe('a backup that is stopped on its way', () => {
  /** Ends a backup by `signal` at `moment`; its outcome. */
  async function stopped(file: string, signal: NodeJS.Signals, phase: string, moment: () => Promise<void> = async () => {}): Promise<CliRun> {
    using run = startDatapipe(['--json', '--config', file, 'backup'])
    await run.event(started(phase))
    await moment()
    run.kill(signal)
    return await run.ended
  }

  test('killed when its base backup is stored: no manifest, the list says so, nothing to restore', async () => {
    const run = await stopped(config, 'SIGKILL', 'barrier')
    expect(run.exitCode).toBe(-1)
    const [first, killed] = await listed()
    expect(first).toMatchObject({ id, state: 'complete' })
    expect(killed).toMatchObject({ state: 'unfinished' })
    expectRefusal(await on('restore', killed?.id ?? ''), 35, 'backup-not-found', /never finished: it has no manifest/)
    expectRefusal(await on('verify', killed?.id ?? ''), 35, 'backup-not-found', /never finished/)
  })

  test('interrupted inside the barrier: 130, the connector runs again, still no manifest', async () => {
    const run = await stopped(config, 'SIGINT', 'barrier', () => pipeline.untilConnector('STOPPED'))
    expectRefusal(run, 130, 'interrupted', /interrupted/)
    await pipeline.untilConnector('RUNNING RUNNING')
    expect((await listed()).map(({ state }) => state)).toEqual(['complete', 'unfinished'])
  })

  test('killed inside the barrier, the connector stays stopped; the next run resumes it, takes the work over, and keeps a second one out', async () => {
    await stopped(config, 'SIGKILL', 'barrier', () => pipeline.untilConnector('STOPPED'))
    expect(await pipeline.connectorState()).toBe('STOPPED')
    const unfinished = (await listed()).at(-1)

    using next = startDatapipe(['--json', '--config', config, 'backup'])
    await next.event(started('look at the servers'))
    next.kill('SIGSTOP')
    expectRefusal(await on('backup'), 50, 'locked', /in use by datapipe backup \(pid \d+/)
    next.kill('SIGCONT')
    const run = await expectSuccess(next.ended)
    expect(messages(run)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/taking over the lock of .* which is gone/),
        expect.stringMatching(new RegExp(`going on with the unfinished backup ${unfinished?.id}: [1-9]\\d* files taken over`)),
        'resuming shop: a killed backup had left them stopped',
      ]),
    )
    expect(resultOf(run)).toMatchObject({ id: unfinished?.id, resumed: true })
    await pipeline.untilConnector('RUNNING RUNNING')
    expect((await listed()).map(({ state }) => state)).toEqual(['complete', 'complete'])
    await expectSuccess(on('verify', '--all'))
  })

  const physicalSlots = async () =>
    (await pipeline.sql("SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'physical'")).map(({ slot_name }) => slot_name)

  test('killed while it receives WAL through a slot of its own: the next run works, and leaves neither slot nor receiver behind', async () => {
    const file = await pipeline.configFile('receive', (receiving) => {
      receiving.repository.url = pathToFileURL(join(directory, 'receiving')).href
      receiving.postgres.archive = { mode: 'receive', slot: 'datapipe_wal' }
    })
    await stopped(file, 'SIGKILL', 'base backup')
    expect(await physicalSlots()).toEqual(['datapipe_wal'])
    await expectSuccess(at(file, 'backup'))
    await expectSuccess(at(file, 'verify'))
    expect(await physicalSlots()).toEqual([])
    expect(await pipeline.sql("SELECT pid FROM pg_stat_replication WHERE application_name = 'pg_receivewal'")).toEqual([])
  })
})

const copied = (name: string) => copyRepository({ directory, pipeline, id }, name)

describe('a repository that is damaged', () => {
  test.each([
    ['a topic', 'kafka', /orders/],
    ['the base backup', 'postgres', /base/],
    ['a WAL segment', 'postgres', /^wal\//],
    ['the registry', 'registry', /./],
    ['a connector', 'connect', /./],
  ] as const)('one byte of %s changed: verify names the file', async (name, component, pattern) => {
    const { file, root, artifacts } = await copied(`verify-${name.replaceAll(' ', '-')}`)
    const { path } = oneOf(artifacts, component, pattern)
    await changeByte(join(root, path))
    const run = await at(file, 'verify', id)
    expect(run.exitCode, told(run)).toBe(20)
    expect(findingsOf(run).filter(({ severity, item, message }) => severity === 'harm' && `${item} ${message}`.includes(path))).not.toEqual([])
  })

  test('a changed base backup is not restored: the target is as empty as it was', async () => {
    const { file, root, target, artifacts } = await copied('base-damaged')
    await changeByte(join(root, oneOf(artifacts, 'postgres', /base/).path))
    expectRefusal(await at(file, 'restore', id, '--only', 'postgres'), 37, 'artifact-damaged', /base/)
    expect(existsSync(target) ? await readdir(target) : []).toEqual([])
  })

  test.each([
    ['missing', (path: string) => rm(path), 39, 'wal-gap'],
    ['changed in one byte', changeByte, 37, 'artifact-damaged'],
  ] as const)('a WAL segment that is %s stops a restore before the target is touched', async (name, spoil, exitCode, code) => {
    const { file, root, target, artifacts } = await copied(`wal-${exitCode}`)
    const { path } = oneOf(artifacts, 'postgres', /^wal\//)
    await spoil(join(root, path))
    const verified = await at(file, 'verify', id)
    expect(verified.exitCode, name).toBe(20)
    expect(JSON.stringify(findingsOf(verified))).toContain(path)
    expectRefusal(await at(file, 'restore', id, '--only', 'postgres'), exitCode, code, path.split('/').at(-1) ?? '')
    expect(existsSync(target)).toBe(false)
  })

  test('without its manifest a backup is no backup; with a changed one it is damaged', async () => {
    const { file, root } = await copied('no-manifest')
    const manifest = join(root, 'backups', id, 'manifest.json')
    await changeByte(manifest)
    expectRefusal(await at(file, 'restore', id), 37, 'artifact-damaged', /manifest/)
    const verified = await at(file, 'verify', id)
    expect(verified.exitCode, told(verified)).toBe(20)
    await rm(manifest)
    expectRefusal(await at(file, 'restore', id), 35, 'backup-not-found', /no manifest/)
    expect((await listed(file))[0]).toMatchObject({ id, state: 'unfinished' })
  })
})
