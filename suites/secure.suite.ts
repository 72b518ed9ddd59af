import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type AclFilter, AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silentContext } from '../src/base/context.ts'
import type { Finding } from '../src/base/finding.ts'
import { waitUntil } from '../src/base/wait-until.ts'
import { tlsStandIn } from '../src/clients/tls-stand-in.ts'
import type { CheckItem } from '../src/components/component.ts'
import { certificateFiles } from '../src/stack/certificates/write-certificates.ts'
import { commandLineTools } from '../src/stack/embedded/command-line-tools.ts'
import { type CliRun, datapipeJson, resultOf, startDatapipe, told } from './cli.ts'
import { expectSuccess } from './cli-outcomes.ts'
import { type Server, type Change, type Fault, url, bootstrap, otherCa, faults } from './secure-faults.ts'
import { type ConfigFile, type SmallPipeline, startSmallPipeline } from './small-pipeline.ts'

/**
 * TLS and SASL everywhere: Kafka by SASL_SSL with SCRAM-SHA-512, the registry by HTTPS with basic auth, PostgreSQL by `hostssl` with a
 * password. First what people get wrong, each one clear error in bounded time; then a backup, everything lost, and back.
 */
let directory: string
let pipeline: SmallPipeline
let certificates: ReturnType<typeof certificateFiles>
let secrets: string[]

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'datapipe-secure-'))
  // Restored servers run under another user where we are root.
  await chmod(directory, 0o755)
  pipeline = await startSmallPipeline(directory, { secure: true })
  certificates = certificateFiles(join(pipeline.stack.directory, 'certificates'))
  const names = ['postgres', 'registry', 'kafka', 'kafka-broker']
  secrets = names.map((name) => readFileSync(join(pipeline.stack.directory, 'secrets', name), 'utf8').trim())
})

afterAll(async () => {
  await pipeline?.[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

/** A datapipe.yaml that knows one server, and knows it wrongly, with a repository of its own: a backup clears its repository of unfinished files. */
let files = 0
const faulty = (server: Server, change: Change) =>
  pipeline.configFile(`fault-${++files}`, (config) => {
    config.repository.url += `-${files}`
    change(config)
    for (const name of ['postgres', 'kafka', 'registry', 'connect'] as const) if (name !== server) delete (config as Partial<ConfigFile>)[name]
  })

/** `backup` refuses, `check` lists it; neither takes long, and no secret is told. */
async function expectFault({ server, change, exit, code, message, hint }: Fault): Promise<void> {
  const [one, other] = [await faulty(server, change), await faulty(server, change)]
  const started = performance.now()
  const [backup, check] = await Promise.all([datapipeJson(['--config', one, 'backup']), datapipeJson(['--config', other, 'check'])])
  expect(performance.now() - started, 'bounded').toBeLessThan(40_000)
  expect(backup.exitCode, told(backup)).toBe(exit)
  expect(backup.error).toMatchObject({ code, message: expect.stringMatching(message) as string, hint: expect.stringMatching(hint) as string })
  expect(check.exitCode, told(check)).toBe(20)
  const failed = resultOf<{ items: CheckItem[] }>(check).items.filter(({ verdict }) => verdict === 'fail')
  expect(failed).toEqual([
    expect.objectContaining({ detail: expect.stringMatching(message) as string, next: expect.stringMatching(hint) as string }) as CheckItem,
  ])
  for (const secret of [...secrets, 'nonsense']) expect(told(backup) + told(check)).not.toContain(secret)
}

describe('one clear error for', () => {
  test.each(faults)('$title: $server', async (fault) => {
    await expectFault(fault)
  })

  const expired = {
    title: '',
    exit: 60,
    code: 'tls-failed',
    message: /certificate that has expired \(127\.0\.0\.1, valid until \d{4}-/,
    hint: /renew the certificate/,
  }

  test.each(['kafka', 'registry'] as const)('an expired certificate: %s', async (server) => {
    const certificate = {
      certificate: await readFile(certificates.expired.certificate, 'utf8'),
      key: await readFile(certificates.expired.key, 'utf8'),
    }
    await using standIn = await tlsStandIn({ certificate })
    const there = (text: string) => text.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${standIn.port}`)
    const change = server === 'kafka' ? bootstrap(there) : url('registry', there)
    await expectFault({ ...expired, server, change })
  })

  test('an expired certificate: postgres, which takes new ones while it runs', async () => {
    const data = String(pipeline.stack.config('file:///unused').postgres?.dataDirectory)
    const install = async ({ certificate, key }: { certificate: string; key: string }) => {
      // Into the old files: they stay the server's own.
      await writeFile(join(data, 'server.crt'), await readFile(certificate))
      await writeFile(join(data, 'server.key'), await readFile(key))
    }
    await install(certificates.expired)
    await pipeline.sql('SELECT pg_reload_conf()')
    await expectFault({ ...expired, server: 'postgres', change: () => {} })
    await install(certificates)
    process.kill(Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGHUP')
  })
})

/** Every command line of the machine that holds a secret, while a command runs. */
async function secretsSeen(running: Promise<CliRun>): Promise<string[]> {
  const seen = new Set<string>()
  let over = false
  void running.finally(() => {
    over = true
  })
  while (!over) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const line = commandLine(pid)
      if (secrets.some((secret) => line.includes(secret))) seen.add(line)
    }
    await sleep(50)
  }
  return [...seen]
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
  } catch {
    // Ended meanwhile.
    return ''
  }
}

/** Runs a tool with text on its stdin; the tools are all given secrets by files. */
async function tool(program: string, args: string[], input = ''): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: 60_000 })
  const [stdout, stderr] = [text(child.stdout), text(child.stderr)]
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  return { exitCode: code ?? -1, stdout: await stdout, stderr: await stderr }
}

test('check finds a topic that this user may describe, but not read', async () => {
  const admin = pipeline.kafka.admin()
  await admin.connect()
  const onOrders = { resourceType: AclResourceTypes.TOPIC, resourceName: 'orders', resourcePatternType: ResourcePatternTypes.LITERAL, host: '*' }
  try {
    await admin.createAcls({
      acl: [
        { ...onOrders, principal: 'User:*', operation: AclOperationTypes.ALL, permissionType: AclPermissionTypes.ALLOW },
        { ...onOrders, principal: 'User:datapipe', operation: AclOperationTypes.READ, permissionType: AclPermissionTypes.DENY },
      ],
    })
    const config = await pipeline.configFile('without-read')
    let failed: CheckItem[] = []
    await waitUntil(
      async () => {
        failed = resultOf<{ items: CheckItem[] }>(await datapipeJson(['--config', config, 'check'])).items.filter(({ verdict }) => verdict === 'fail')
        return failed.length > 0
      },
      { what: 'the broker to go by the ACL', timeoutMs: 120_000 },
    )
    expect(failed).toEqual([
      expect.objectContaining({
        component: 'kafka',
        name: 'topics can be read',
        detail: 'TOPIC_AUTHORIZATION_FAILED: orders',
        next: expect.stringContaining('--operation Read --topic orders') as string,
      }),
    ])
  } finally {
    await admin.deleteAcls({
      filters: [{ ...onOrders, operation: AclOperationTypes.ANY, permissionType: AclPermissionTypes.ANY } as AclFilter],
    })
    await admin.disconnect()
  }
})

describe('command-line tools with one Java properties file', () => {
  const bin = (name: string) => fileURLToPath(new URL(`../bin/${name}`, import.meta.url))
  const properties = () => join(pipeline.stack.directory, 'secrets', 'kafka-client.properties')
  const ofRegistry = (trusted: string) => {
    const { url: root, username, password } = pipeline.stack.config('file:///unused').registry ?? {}
    return Object.entries({
      'schema.registry.url': `${root}/apis/ccompat/v7`,
      'basic.auth.credentials.source': 'USER_INFO',
      'basic.auth.user.info': `${username}:${password}`,
      'schema.registry.ssl.truststore.type': 'PEM',
      'schema.registry.ssl.truststore.location': trusted,
    }).flatMap(([key, value]) => ['--property', `${key}=${value}`])
  }
  const schema = JSON.stringify({ type: 'record', name: 'Parcel', fields: [{ name: 'id', type: 'int' }] })
  const server = () => pipeline.stack.config('file:///unused').kafka?.bootstrapServers[0] ?? ''
  const produce = (trusted: string, file = properties()) =>
    tool(
      process.execPath,
      [
        bin('kafka-avro-console-producer'),
        '--bootstrap-server',
        server(),
        '--topic',
        'parcels',
        '--producer.config',
        file,
        '--property',
        `value.schema=${schema}`,
        ...ofRegistry(trusted),
      ],
      '{"id": 1}\n{"id": 2}\n',
    )
  const consume = (trusted: string, file = properties()) =>
    tool(process.execPath, [
      bin('kafka-avro-console-consumer'),
      ...['--bootstrap-server', server(), '--topic', 'parcels', '--from-beginning', '--max-messages', '2', '--timeout-ms', '20000'],
      ...['--consumer.config', file, ...ofRegistry(trusted)],
    ])

  test('the drop-ins write and read Avro, and Kafka’s own tools read the same records', async () => {
    const admin = pipeline.kafka.admin()
    await admin.connect()
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: 'parcels', numPartitions: 1, replicationFactor: 1 }] })
    await admin.disconnect()
    expect(await produce(certificates.ca)).toMatchObject({ exitCode: 0 })
    expect(await consume(certificates.ca)).toMatchObject({ exitCode: 0, stdout: '{"id":1}\n{"id":2}\n' })
    const { path } = await commandLineTools(pipeline.stack.directory, silentContext())
    const raw = await tool(join(path[0] ?? '', 'kafka-console-consumer'), [
      ...['--bootstrap-server', server(), '--topic', 'parcels', '--from-beginning', '--max-messages', '2', '--timeout-ms', '30000'],
      ...['--consumer.config', properties()],
    ])
    expect(raw, raw.stderr).toMatchObject({ exitCode: 0 })
    expect(raw.stderr).toMatch(/Processed a total of 2 messages/)
  })

  test('the wrong authority and the wrong password are errors, and nothing is read', async () => {
    const wrong = async (change: (text: string) => string) => {
      const file = join(directory, 'wrong.properties')
      await writeFile(file, change(await readFile(properties(), 'utf8')), { mode: 0o600 })
      return file
    }
    const runs = [
      await consume(certificates.otherCa),
      await consume(certificates.ca, await wrong(otherCa)),
      await consume(certificates.ca, await wrong((all) => all.replace(/password="[^"]*"/, 'password="nonsense"'))),
      await produce(certificates.ca, await wrong(otherCa)),
    ]
    for (const { exitCode, stdout, stderr } of runs) {
      expect(exitCode, stderr).toBeGreaterThan(0)
      expect(stdout).toBe('')
      expect(stderr).toMatch(/certificate|authentication|SSL/i)
      for (const secret of [...secrets, 'nonsense']) expect(stderr).not.toContain(secret)
    }
  })
})

test('backup, verify, everything lost, restore, diff: through TLS and passwords, which stand in no command line and no file of the backup', async () => {
  const config = await pipeline.configFile('datapipe')
  const on = (...args: string[]) => datapipeJson(['--config', config, ...args])
  const checked = await expectSuccess(on('check'))
  expect(resultOf<{ items: CheckItem[] }>(checked).items.filter(({ verdict }) => verdict !== 'pass')).toEqual([])

  const receiving = await pipeline.configFile('receiving', (all) => {
    all.postgres.archive = { mode: 'receive' }
  })
  const run = startDatapipe(['--json', '--config', receiving, 'backup'])
  expect(await secretsSeen(run.ended)).toEqual([])
  const { id } = resultOf<{ id: string }>(await expectSuccess(run.ended))
  const manifest = await readFile(join(directory, 'repository', 'backups', id, 'manifest.json'), 'utf8')
  for (const secret of secrets) expect(manifest).not.toContain(secret)
  await expectSuccess(on('verify', id))
  await expectSuccess(on('diff', id, 'live'))

  const refused = await on('wipe')
  await expectSuccess(on('wipe', '--yes', refused.error?.path ?? ''))
  await pipeline.stack.destroy('postgres')
  await expectSuccess(on('restore', id, '--in-place'))
  await pipeline.untilConnector('RUNNING RUNNING')

  // The certificate came back with the data directory; nothing but TLS is let in.
  expect(await pipeline.sql('SELECT count(*)::int AS rows FROM item')).toEqual([{ rows: 20 }])
  expect(await pipeline.sql('SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).toEqual([{ ssl: true, version: 'TLSv1.3' }])
  const { findings } = resultOf<{ findings: Finding[] }>(await on('diff', id, 'live'))
  const moving = /^(connect-|__debezium-heartbeat|kafkasql|__consumer|registry)/
  expect(findings.filter(({ severity, component, item }) => severity === 'harm' && component !== 'connect' && !moving.test(item))).toEqual([])
})
