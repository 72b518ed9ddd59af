import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silentContext } from '../src/base/context.ts'
import type { ComponentName } from '../src/base/events.ts'
import type { Engine } from '../src/drill/engine.ts'
import { engineInImage } from '../src/drill/engine-in-image.ts'
import { watchMemory } from '../src/drill/memory-watch.ts'
import { kafkaClient } from '../src/drill/observers/kafka-connection.ts'
import { runDrill } from '../src/drill/run-drill.ts'
import type { EpisodeOutcome } from '../src/drill/run-episode.ts'
import { type ContainersStack, startContainersStack } from '../src/stack/containers/index.ts'
import { sweepContainers } from '../src/stack/containers/sweep.ts'
import { identifyProcess } from '../src/stack/embedded/process-identity.ts'
import { runsDirectory } from '../src/stack/embedded/run-directory.ts'
import { logFile } from '../src/stack/embedded/server-log.ts'
import { datapipeJson, told } from './cli.ts'
import { containerEngine } from './container-engine.ts'

/**
 * The containers stack from outside; and the drill on a secure one, with the engine in the backup-tools image, as in production: a plain
 * drill asks nothing of the servers that this one does not.
 */
const image = 'datapipe-backup-tools:containers-suite'
const mebibyte = 1024 ** 2

async function docker(...args: string[]): Promise<string> {
  return (await promisify(execFile)('docker', args)).stdout.trim()
}

/** Everything that carries the run's label, by kind. */
async function leftOf(id: string): Promise<string[]> {
  const filter = ['--quiet', '--filter', `label=datapipe.stack.run=${id}`]
  const found = await Promise.all([docker('ps', '--all', ...filter), docker('network', 'ls', ...filter), docker('volume', 'ls', ...filter)])
  return found.flatMap((text) => text.split('\n')).filter((line) => line !== '')
}

describe.skipIf(!(await containerEngine('containers')))('the containers stack', { timeout: 900_000 }, () => {
  let stack: ContainersStack | undefined
  let directory: string
  const context = silentContext()

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'datapipe-containers-suite-'))
    const built = await datapipeJson(['image', '--tag', image])
    expect(built.exitCode, told(built)).toBe(0)
    stack = await startContainersStack({ context })
  }, 2_400_000)
  afterAll(async () => {
    await down()
    await rm(directory, { recursive: true, force: true })
    await docker('rmi', '--no-prune', image)
  })

  const down = async () => {
    const id = stack?.run.state.id
    await stack?.[Symbol.asyncDispose]()
    stack = undefined
    if (id !== undefined) expect(await leftOf(id)).toEqual([])
  }
  const up = (): ContainersStack => {
    if (stack === undefined) throw new Error('there is no stack')
    return stack
  }
  const topics = async () => {
    const { kafka } = up().config('file:///nowhere')
    const admin = kafkaClient(kafka ?? { bootstrapServers: [] }).admin()
    await admin.connect()
    try {
      await admin.createTopics({ waitForLeaders: false, topics: [{ topic: 'kept' }] })
      // The library's own wait for leaders ends with the first answer of a broker that has not heard of the topic yet.
      await expect.poll(() => admin.listTopics(), { timeout: 60_000 }).toContain('kept')
      return await admin.listTopics()
    } finally {
      await admin.disconnect()
    }
  }
  const query = async (sql: string): Promise<unknown[]> => {
    const client = new pg.Client({ connectionString: up().config('file:///nowhere').postgres?.url })
    await client.connect()
    try {
      return (await client.query(sql)).rows
    } finally {
      await client.end()
    }
  }

  test('the matrix can say what ran, and the servers fit into 4 GiB', async () => {
    expect(await up().versions()).toMatchObject({ postgresql: expect.stringMatching(/^17\./), kafka: '4.3.1', debezium: '3.6.0.Final' })
    const sum = Object.values(await up().memory()).reduce((total, bytes) => total + bytes, 0)
    expect(sum).toBeGreaterThan(300 * mebibyte)
    expect(sum).toBeLessThan(4096 * mebibyte)
  })

  test('the shell archives WAL below its system and timeline, and never over another file', async () => {
    await query('CREATE TABLE archived (id int)')
    await query('SELECT pg_switch_wal()')
    await expect
      .poll(() => query('SELECT archived_count::int > 0 AS works, failed_count::int AS failed FROM pg_stat_archiver'), { timeout: 60_000 })
      .toEqual([{ works: true, failed: 0 }])
    const [{ system }] = (await query('SELECT system_identifier::text AS system FROM pg_control_system()')) as [{ system: string }]
    expect(await readdir(join(up().archiveDirectory, system, '00000001'))).toContain('000000010000000000000001')
    const container = `datapipe-${up().run.state.id}-postgres`
    const again = (name: string) =>
      docker(
        'exec',
        '--user',
        'postgres',
        '--workdir',
        '/datapipe/postgres/data',
        container,
        ...archive,
        `pg_wal/${name}`,
        '000000010000000000000001',
        to,
      )
    const archive = ['sh', '/datapipe/postgres/archive-wal.sh']
    const to = '/datapipe/postgres/archive'
    const [{ now }] = (await query('SELECT pg_walfile_name(pg_current_wal_lsn()) AS now')) as [{ now: string }]
    // The very file once more is no fault, another one of its name is.
    await again('000000010000000000000001')
    await expect(again(now)).rejects.toThrow()
  })

  test('a killed server comes back with its data, a destroyed one without', async () => {
    expect(await topics()).toContain('kept')
    await query('CREATE TABLE kept (id int)')
    await Promise.all([up().kill('kafka'), up().kill('postgres')])
    expect(await up().isRunning('postgres')).toBe(false)
    await Promise.all([up().start('kafka'), up().start('postgres')])
    expect(await topics()).toContain('kept')
    expect(await query('SELECT * FROM kept')).toEqual([])
    await up().destroy('postgres')
    await expect(up().start('postgres')).rejects.toMatchObject({ code: 'stack-failed' })
    await up().initPostgres()
    await up().start('postgres')
    await expect(query('SELECT * FROM kept')).rejects.toThrow(/does not exist/)
  })

  test('what a killed run left is swept; what a living one has stays', async () => {
    const own = identifyProcess(process.pid)
    const make = async (id: string, owner: string) => {
      const labels = ['--label', `datapipe.stack.run=${id}`, '--label', `datapipe.stack.owner=${owner}`]
      await docker('network', 'create', ...labels, `datapipe-${id}-network`)
      await docker('volume', 'create', ...labels, `datapipe-${id}-kafka`)
      await docker('create', ...labels, '--network', `datapipe-${id}-network`, '--volume', `datapipe-${id}-kafka:/data`, image, 'true')
    }
    try {
      await make('suitedead', `${hostname()} ${process.pid} 1`)
      await make('suitelives', `${hostname()} ${process.pid} ${own?.startTime}`)
      expect(await leftOf('suitedead')).toHaveLength(3)
      expect(await sweepContainers(context)).toContain('suitedead')
      expect(await leftOf('suitedead')).toEqual([])
      expect(await leftOf('suitelives')).toHaveLength(3)
      expect(await up().isRunning('kafka')).toBe(true)
    } finally {
      for (const id of ['suitedead', 'suitelives']) {
        for (const [list, remove] of [
          ['ps --all', 'rm --force'],
          ['network ls', 'network rm'],
          ['volume ls', 'volume rm'],
        ] as const) {
          const found = await docker(...list.split(' '), '--quiet', '--filter', `label=datapipe.stack.run=${id}`)
          if (found !== '') await docker(...remove.split(' '), ...found.split('\n'))
        }
      }
    }
  })

  test('a run that is killed while its stack starts leaves nothing after the next sweep', async () => {
    const index = fileURLToPath(new URL('../src/stack/containers/index.ts', import.meta.url))
    const base = fileURLToPath(new URL('../src/base/context.ts', import.meta.url))
    const program = `const { startContainersStack } = await import('${index}'); const { silentContext } = await import('${base}'); await startContainersStack({ context: silentContext() })`
    const before = new Set(await readdir(runsDirectory()))
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: 'ignore' })
    const closed = once(child, 'close')
    let id = ''
    await expect
      .poll(
        async () => {
          const made = (await readdir(runsDirectory())).find((name) => name.startsWith('containers-') && !before.has(name))
          id = made?.slice('containers-'.length) ?? ''
          return id === '' ? 0 : (await docker('ps', '--quiet', '--filter', `label=datapipe.stack.run=${id}`)).split('\n').filter(Boolean).length
        },
        { timeout: 120_000 },
      )
      .toBeGreaterThan(0)
    child.kill('SIGKILL')
    await closed
    expect(await sweepContainers(context)).toContain(id)
    expect(await leftOf(id)).toEqual([])
    expect(existsSync(join(runsDirectory(), `containers-${id}`))).toBe(false)
  })

  describe('secure, with the engine in the image, in 512 MiB and half a processor', () => {
    let engine: Engine
    let outcome: EpisodeOutcome
    let stackPeak: number | undefined

    beforeAll(async () => {
      const limits = { image, memoryBytes: 512 * mebibyte, cpus: 0.5 }
      // One after the other: both at once are more than a small machine has.
      await down()
      stack = await startContainersStack({ context, secure: true })
      engine = await engineInImage({ stack, directory, archiveMode: 'receive' }, limits, context)
      await using memory = watchMemory(stack, engine)
      const plan = { rows: 50, sqlFiles: [], registryRoute: 'auto', writeSeconds: 1, startBalance: 1_000_000 } as const
      outcome = await runDrill({ stack, engine, directory, context, ...plan, sqlFiles: [] })
      stackPeak = memory.peak
    }, 1_200_000)
    afterAll(() => engine?.[Symbol.asyncDispose]())

    test('everything is lost and comes back', () => {
      const verdicts = outcome.rows.map(({ component, verdict, findings }) => ({ component, verdict, findings: findings.filter((f) => f.next) }))
      expect(verdicts.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
      expect(verdicts.length).toBeGreaterThanOrEqual(9)
    })

    test('the engine stayed below its limit, and all servers with it below 6 GiB', async () => {
      const peak = await engine.peakMemory()
      expect(peak).toBeGreaterThan(50 * mebibyte)
      expect(peak).toBeLessThanOrEqual(512 * mebibyte)
      expect(stackPeak).toBeGreaterThan(400 * mebibyte)
      expect(stackPeak).toBeLessThan(6144 * mebibyte)
      console.info(`peak of the engine ${Math.round((peak ?? 0) / mebibyte)} MiB, of everything ${Math.round((stackPeak ?? 0) / mebibyte)} MiB`)
    })

    const inside = (command: string) => docker('exec', `datapipe-${up().run.state.id}-engine`, 'sh', '-ec', command)
    const database = 'host=postgres user=datapipe dbname=postgres sslrootcert=/datapipe/secrets/ca.pem'

    test('tools of the image reach every server by TLS and password: the Avro drop-in, Kafka’s own, libpq’s and curl', async () => {
      const kafka = '--bootstrap-server kafka:9092'
      const properties = '/datapipe/secrets/kafka-client.properties'
      const registry = Object.entries({
        'schema.registry.url': 'https://registry:8443/apis/ccompat/v7',
        'basic.auth.credentials.source': 'USER_INFO',
        'basic.auth.user.info': 'admin:$(cat /datapipe/secrets/registry)',
        'schema.registry.ssl.truststore.type': 'PEM',
        'schema.registry.ssl.truststore.location': '/datapipe/secrets/ca.pem',
      }).map(([key, value]) => `--property "${key}=${value}"`)
      const consume = `kafka-avro-console-consumer ${kafka} --consumer.config ${properties} ${registry.join(' ')}`
      const record = await inside(`${consume} --topic shopdb.shop.customer --from-beginning --max-messages 1 --timeout-ms 60000`)
      expect(JSON.parse(record)).toMatchObject({ source: { table: 'customer' } })
      expect(await inside(`kafka-topics ${kafka} --command-config ${properties} --list`)).toMatch(/^shopdb\.shop\.customer$/m)
      const psql = (sslmode: string, sql: string) =>
        inside(`PGPASSWORD=$(cat /datapipe/secrets/postgres) psql -AtX "${database} sslmode=${sslmode}" -c "${sql}"`)
      // Everyone who is connected by network, Debezium and its replication connection too.
      const connected = 'FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL'
      expect(await psql('verify-full', `SELECT bool_and(ssl), count(*) > 1 ${connected}`)).toBe('t|t')
      await expect(psql('disable', 'SELECT 1')).rejects.toThrow(/no pg_hba\.conf entry .*no encryption/)
      const ask = (url: string) =>
        inside(`printf 'user = "admin:%s"' "$(cat /datapipe/secrets/registry)" | curl -fsS -K - --cacert /datapipe/secrets/ca.pem ${url}`)
      expect(await ask('https://registry:8443/apis/ccompat/v7/subjects')).toContain('shopdb.shop.customer-value')
      await expect(ask('http://registry:8443/apis/ccompat/v7/subjects')).rejects.toThrow(/curl: \(/)
    })

    test('no secret stands in the backup, in the command line of a process or in the log of a server', async () => {
      const names = ['postgres', 'registry', 'kafka', 'kafka-broker']
      const secrets = names.map((name) => readFileSync(join(up().directory, 'secrets', name), 'utf8').trim())
      const shows = (text: string) => names.filter((_, index) => text.includes(secrets[index] ?? ''))
      const manifest = join(directory, 'repository', 'backups', outcome.backup.id, 'manifest.json')
      expect(shows(readFileSync(manifest, 'utf8'))).toEqual([])
      for (const server of ['postgres', 'kafka', 'registry', 'connect']) {
        expect(shows(await docker('top', `datapipe-${up().run.state.id}-${server}`, '-eo', 'pid,args')), server).toEqual([])
        expect(shows(readFileSync(logFile(up().directory, server as ComponentName), 'utf8')), server).toEqual([])
      }
    })

    test('diff and wipe work from inside, and errors arrive as what they are', async () => {
      await expect(engine.show('nosuchbackup', context)).rejects.toMatchObject({ name: 'DatapipeError', code: 'backup-not-found' })
      await expect(engine.wipe({}, context)).rejects.toMatchObject({ code: 'confirmation-missing' })
      expect(await topics()).toContain('shopdb.shop.customer')
      const plan = await engine.wipe({ dryRun: true }, context)
      expect(await engine.wipe({ yes: plan.identity }, context)).toMatchObject({ exitCode: 0 })
      expect((await topics()).filter((topic) => topic.startsWith('shopdb.'))).toEqual([])
      expect(await query("SELECT count(*)::int AS tables FROM pg_tables WHERE schemaname = 'shop'")).toEqual([{ tables: 0 }])
      expect(await engine.diff(outcome.backup.id, 'live', context)).toMatchObject({ exitCode: 20, differing: expect.arrayContaining(['kafka']) })
    })

    test('what was wiped is restored from inside, and the diff finds nothing', async () => {
      const { kafka } = up().config('file:///nowhere')
      const admin = kafkaClient(kafka ?? { bootstrapServers: [] }).admin()
      await admin.connect()
      await admin.deleteTopics({ topics: ['kept'] })
      await admin.disconnect()
      // A server's directory is no table's: it is emptied from outside.
      await up().destroy('postgres')
      await engine.restore({ backup: outcome.backup.id, registryRoute: 'auto' }, context)
      const compared = await engine.diff(outcome.backup.id, 'live', context)
      // Apicurio was emptied, not made anew: it counts its global ids on, which no serializer of this pipeline writes.
      expect(compared.findings.filter(({ severity }) => severity !== 'note').map(({ code }) => code)).toEqual(['global-ids-differ'])
      expect(compared).toMatchObject({ exitCode: 0, compared: ['postgres', 'kafka', 'registry', 'connect'] })
    })
  })
})
