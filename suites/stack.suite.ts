import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silentContext } from '../src/base/context.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { type StackStatus, type StackUpResult, stackDown, stackStatus, stackStop, stackUp } from '../src/commands/stack.ts'
import { type EmbeddedStack, openEmbeddedStack, startEmbeddedStack } from '../src/stack/embedded/index.ts'
import { datapipeJson, resultOf } from './cli.ts'
import { expectRefusal, expectSuccess } from './cli-outcomes.ts'

/** The embedded stack itself, seen from outside: through the servers' own protocols and clients that share no code with it. */
const repository = 'file:///nowhere'

function admin(stack: EmbeddedStack) {
  return new Kafka({ brokers: stack.config(repository).kafka?.bootstrapServers ?? [], logLevel: logLevel.NOTHING }).admin()
}

async function topics(stack: EmbeddedStack): Promise<string[]> {
  const client = admin(stack)
  await client.connect()
  try {
    return await client.listTopics()
  } finally {
    await client.disconnect()
  }
}

async function query(stack: EmbeddedStack, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: stack.config(repository).postgres?.url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** Status and body of a GET to the registry with these credentials. */
async function askRegistry(stack: EmbeddedStack, credentials?: string): Promise<{ status: number; body: string }> {
  const headers = credentials === undefined ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
  const response = await fetch(`${stack.config(repository).registry?.url}/apis/ccompat/v7/subjects`, { headers })
  return { status: response.status, body: await response.text() }
}

describe('all four servers', () => {
  let stack: EmbeddedStack
  const seconds: Record<string, number> = {}
  beforeAll(async () => {
    const started = performance.now()
    const context = silentContext({
      emit: (event) => {
        if (event.type === 'phase' && event.seconds !== undefined) seconds[event.name] = event.seconds
      },
    })
    stack = await startEmbeddedStack({ context })
    seconds.total = (performance.now() - started) / 1000
  })
  afterAll(() => stack?.[Symbol.asyncDispose]())

  test('each answers', async () => {
    expect(await query(stack, 'SHOW wal_level')).toEqual([{ wal_level: 'logical' }])
    expect(await topics(stack)).toContain('connect-offsets')
    expect(await askRegistry(stack, `admin:${stack.config(repository).registry?.password}`)).toEqual({ status: 200, body: '[]' })
    const plugins = await (await fetch(`${stack.config(repository).connect?.url}/connector-plugins`)).text()
    expect(plugins).toContain('io.debezium.connector.postgresql.PostgresConnector')
    expect(await stack.versions()).toMatchObject({ kafka: '4.3.1', debezium: '3.6.0.Final', apicurioRegistry: '3.3.3' })
  })

  test('the registry refuses a wrong password, and a request without one', async () => {
    expect((await askRegistry(stack, 'admin:wrong')).status).toBe(401)
    expect(await askRegistry(stack)).toMatchObject({ status: 401, body: expect.stringContaining('error_code') })
  })

  test('they fit into 3 GiB together', async () => {
    const memory = await stack.memory()
    expect(Object.keys(memory).sort()).toEqual(['connect', 'kafka', 'postgres', 'registry'])
    const sum = Object.values(memory).reduce((total, bytes) => total + bytes, 0)
    expect(sum).toBeGreaterThan(400 * 1024 ** 2)
    expect(sum).toBeLessThanOrEqual(3 * 1024 ** 3)
    console.info(
      `started in ${JSON.stringify(seconds)} s; resident MiB ${JSON.stringify(memory, (_, value) => (typeof value === 'number' ? Math.round(value / 1024 ** 2) : value))}`,
    )
  })

  test('the WAL archive works from the first segment on', async () => {
    await query(stack, 'CREATE TABLE archived (id int)')
    await query(stack, 'SELECT pg_switch_wal()')
    await expect
      .poll(() => query(stack, 'SELECT archived_count::int > 0 AS works, failed_count::int AS failed FROM pg_stat_archiver'), { timeout: 30_000 })
      .toEqual([{ works: true, failed: 0 }])
  })

  test('a change in a table becomes Confluent-framed Avro in its topic', async () => {
    await query(stack, "CREATE TABLE pet (id int PRIMARY KEY, name text); INSERT INTO pet VALUES (1, 'Rex')")
    const settings = {
      'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
      'plugin.name': 'pgoutput',
      'topic.prefix': 'suite',
      'topic.creation.default.partitions': '1',
      'topic.creation.default.replication.factor': '1',
      ...stack.databaseConfig(),
      ...stack.converterConfig(),
    }
    const url = stack.config(repository).connect?.url
    const put = await fetch(`${url}/connectors/suite/config`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(settings),
    })
    const answer = await put.text()
    expect(put.status, answer).toBe(201)
    expect(answer).not.toContain(new URL(stack.config(repository).postgres?.url ?? '').password)

    const consumer = new Kafka({ brokers: stack.config(repository).kafka?.bootstrapServers ?? [], logLevel: logLevel.NOTHING }).consumer({
      groupId: 'suite',
    })
    await expect.poll(() => topics(stack), { timeout: 60_000 }).toContain('suite.public.pet')
    await consumer.connect()
    await consumer.subscribe({ topic: 'suite.public.pet', fromBeginning: true })
    const { promise: value, resolve } = Promise.withResolvers<Buffer | null>()
    await consumer.run({ eachMessage: async ({ message }) => resolve(message.value) })
    const bytes = await value
    await consumer.disconnect()
    expect(bytes?.[0]).toBe(0)
    expect(bytes?.readInt32BE(1)).toBeGreaterThan(0)
    expect(bytes?.toString('latin1')).toContain('Rex')
  })

  test('a server that is stopped is down for another process too, and comes back with its data', async () => {
    const elsewhere = await openEmbeddedStack(stack.directory, silentContext())
    await elsewhere.stop('postgres')
    expect(await stack.isRunning('postgres')).toBe(false)
    await stack.start('postgres')
    await stack.start('postgres')
    expect(await query(stack, 'SELECT name FROM pet')).toEqual([{ name: 'Rex' }])
  })

  test('a server that has ended in order once starts from an archive of its classes', async () => {
    await stack.stop('registry')
    await stack.start('registry')
    const { pid } = JSON.parse(await readFile(join(stack.directory, 'pids', 'registry.json'), 'utf8')) as { pid: number }
    const archive = /-XX:SharedArchiveFile=([^\0]+)/.exec(await readFile(`/proc/${pid}/cmdline`, 'utf8'))?.[1]
    expect(existsSync(archive ?? 'no archive')).toBe(true)
    // Mapped, not only named: the JVM goes on without an archive that does not fit.
    expect(await readFile(`/proc/${pid}/maps`, 'utf8')).toContain(archive)
  })

  test('a killed PostgreSQL and a killed Kafka recover', async () => {
    await Promise.all([stack.kill('postgres'), stack.kill('kafka')])
    await Promise.all([stack.start('postgres'), stack.start('kafka')])
    expect(await query(stack, 'SELECT name FROM pet')).toEqual([{ name: 'Rex' }])
    expect(await topics(stack)).toContain('suite.public.pet')
  })

  test('destroyed, PostgreSQL does not start without a data directory, and starts empty in a fresh one', async () => {
    await stack.destroy('postgres')
    expect(existsSync(stack.config(repository).postgres?.dataDirectory ?? '')).toBe(false)
    await expect(stack.start('postgres')).rejects.toMatchObject({ code: 'stack-failed', hint: expect.stringContaining('restore') })
    await stack.initPostgres()
    await stack.start('postgres')
    expect(await query(stack, "SELECT count(*)::int AS tables FROM pg_tables WHERE schemaname = 'public'")).toEqual([{ tables: 0 }])
  })

  test('destroyed and started again, Kafka is another, empty cluster', async () => {
    const before = admin(stack)
    await before.connect()
    const { clusterId } = await before.describeCluster()
    await before.disconnect()
    await stack.stop('connect')
    await stack.stop('registry')
    await stack.destroy('kafka')
    await stack.start('kafka')
    expect(await topics(stack)).toEqual([])
    const after = admin(stack)
    await after.connect()
    expect((await after.describeCluster()).clusterId).not.toBe(clusterId)
    await after.disconnect()
  })

  test('torn down, it leaves neither process nor directory', async () => {
    const pids = (await stackStatus({ context: silentContext(), directory: stack.directory }))[0]?.servers.filter((server) => server.running)
    expect(pids?.map((server) => server.component)).toEqual(['postgres', 'kafka'])
    const brokers = stack.config(repository).kafka?.bootstrapServers ?? []
    await stack.down()
    await stack.down()
    expect(existsSync(stack.directory)).toBe(false)
    const client = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin()
    await expect(client.connect()).rejects.toThrow()
  })
})

test('stack up, status and down as people type them: the servers outlive the command, and go with the last one', async ({ signal }) => {
  const parent = await mkdtemp(join(tmpdir(), 'datapipe-stack-cli-'))
  // PostgreSQL runs under another user where we are root.
  await chmod(parent, 0o755)
  const stack = (...args: string[]) => datapipeJson(['stack', ...args], { env: { TMPDIR: parent }, cwd: parent, signal })
  const status = async () => resultOf<StackStatus[]>(await expectSuccess(stack('status')))
  try {
    const { directory, configFile, servers } = resultOf<StackUpResult>(await expectSuccess(stack('up', '--only', 'postgres')))
    expect(servers).toMatchObject([{ component: 'postgres', running: true }])
    const client = new pg.Client({ connectionString: (await openEmbeddedStack(directory, silentContext())).config(repository).postgres?.url })
    await client.connect()
    await client.end()
    expect(await readFile(configFile, 'utf8')).toContain('postgres:')
    expect(await status()).toMatchObject([{ directory, livesWith: 'command', servers: [{ component: 'postgres', running: true }] }])
    await expectSuccess(stack('down'))
    expect([await status(), existsSync(directory)]).toEqual([[], false])
    expectRefusal(await stack('down'), 64, 'usage', /no stack is up/)
  } catch (error) {
    await stack('down')
    throw error
  } finally {
    await rm(parent, { recursive: true, force: true })
  }
})

test('the commands that stack up prints are all that it takes: a table, its connector, a backup', async ({ signal }) => {
  const parent = await mkdtemp(join(tmpdir(), 'datapipe-stack-play-'))
  await chmod(parent, 0o755)
  const stack = (...args: string[]) => datapipeJson(['stack', ...args], { env: { TMPDIR: parent }, cwd: parent, signal })
  try {
    const { configFile, next } = resultOf<StackUpResult>(await expectSuccess(stack('up')))
    const [psql, curl, ...rest] = next.map(({ command }) => command)
    for (const command of [psql, curl]) await promisify(execFile)('sh', ['-c', command ?? 'false'], { signal })
    expect(rest).toEqual(['check', 'backup', 'restore latest --dry-run'].map((command) => `datapipe ${command} --config ${configFile}`))
    const datapipe = (...args: string[]) => datapipeJson([...args, '--config', configFile], { cwd: parent, signal })
    let seen: { name: string; verdict: string; detail: string }[] = []
    await waitUntil(
      async () => {
        seen = resultOf<{ items: typeof seen }>(await datapipe('check')).items.filter(({ name }) => name.includes('of play'))
        return seen.some(({ name, verdict, detail }) => name.startsWith('offset of play') && verdict === 'pass' && detail === '1 offsets')
      },
      { what: 'an offset of the connector', timeoutMs: 180_000, everyMs: 500, signal, lastWords: () => JSON.stringify(seen) },
    )
    await expectSuccess(datapipe('check'))
    const backup = resultOf<{ recoveryPoint: object }>(await expectSuccess(datapipe('backup')))
    expect(backup.recoveryPoint).toMatchObject({ kind: 'barrier', kafka: { endOffsets: { 'play.public.item': { 0: expect.anything() as string } } } })
    expect((await datapipe('restore', 'latest', '--dry-run')).exitCode).toBe(20)
  } finally {
    await stack('down')
    await rm(parent, { recursive: true, force: true })
  }
})

describe('a run that is killed', () => {
  test('is swept by the next start, one without an owner is not', async () => {
    const up = await stackUp({ context: silentContext(), components: ['postgres'], repositoryUrl: repository })
    try {
      const killed = await startAndKillOwner()
      expect(existsSync(killed.directory)).toBe(true)
      const left = await openEmbeddedStack(killed.directory, silentContext())
      expect(await left.isRunning('kafka')).toBe(true)

      await using next = await startEmbeddedStack({ context: silentContext(), components: ['postgres'] })
      expect(existsSync(killed.directory)).toBe(false)
      expect(await left.isRunning('kafka')).toBe(false)
      expect(await next.isRunning('postgres')).toBe(true)

      expect(up.configText).toContain('startCommand')
      expect((await stackStatus({ context: silentContext(), directory: up.directory }))[0]?.servers[0]?.running).toBe(true)
      await stackStop({ context: silentContext(), component: 'postgres', directory: up.directory })
      expect((await stackStatus({ context: silentContext(), directory: up.directory }))[0]?.servers[0]?.running).toBe(false)
    } finally {
      await stackDown({ context: silentContext(), directory: up.directory })
    }
    expect(existsSync(up.directory)).toBe(false)
  })

  test('an owner that ends without tearing down takes its servers with it', async () => {
    const child = startOwner('process.exit(3)')
    const directory = await firstLine(child)
    await once(child, 'close')
    expect(existsSync(directory)).toBe(false)
  })

  test('interrupted while it starts, it leaves nothing running', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'datapipe-suite-'))
    const stop = new AbortController()
    const context = silentContext({
      signal: stop.signal,
      emit: (event) => {
        if (event.type === 'phase' && event.name === 'start kafka') stop.abort()
      },
    })
    await expect(startEmbeddedStack({ context, components: ['kafka'], directory: join(parent, 'stack') })).rejects.toMatchObject({
      code: 'interrupted',
    })
    expect(existsSync(join(parent, 'stack'))).toBe(false)
    await rm(parent, { recursive: true })
  })
})

function startOwner(then: string) {
  const module = fileURLToPath(new URL('../src/stack/embedded/index.ts', import.meta.url))
  const script = `
    const { startEmbeddedStack } = await import(${JSON.stringify(module)})
    const context = { signal: new AbortController().signal, now: () => new Date(), emit: () => {} }
    const stack = await startEmbeddedStack({ context, components: ['kafka'] })
    console.log(stack.directory)
    ${then}`
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function firstLine(child: ReturnType<typeof startOwner>): Promise<string> {
  for await (const line of createInterface({ input: child.stdout })) return line
  throw new Error('the owner ended before its stack was up')
}

async function startAndKillOwner(): Promise<{ directory: string }> {
  const child = startOwner('setInterval(() => {}, 1000)')
  const directory = await firstLine(child)
  const closed = once(child, 'exit')
  child.kill('SIGKILL')
  await closed
  return { directory }
}
