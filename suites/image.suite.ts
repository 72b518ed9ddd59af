import { readFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { silentContext } from '../src/base/context.ts'
import type { ImageResult } from '../src/commands/image.ts'
import { buildImage } from '../src/image/build-image.ts'
import { hostSettings } from '../src/image/host-settings.ts'
import { datapipeJson, resultOf } from './cli.ts'
import { containerEngine } from './container-engine.ts'
import { confined, derive, docker, failures, rows, toolsOf } from './image-runs.ts'
import { sharedImage } from './shared-image.ts'
import { startSmallPipeline } from './small-pipeline.ts'

/** The backup-tools image: built, every tool run in it as a user does, and broken on purpose. */
const root = fileURLToPath(new URL('../', import.meta.url))
const broken = ['parts', 'java'].map((name) => `datapipe-backup-tools:suite-without-${name}`)
const standIns = ['cp-kafka', 'cp-schema-registry'].map((name) => `datapipe-stand-in/${name}:7.4.0`)
const confluent = 'datapipe-backup-tools:suite-confluent'

describe.skipIf(!(await containerEngine('image')))('the backup-tools image', { timeout: 900_000 }, () => {
  let built: ImageResult
  let image: string
  let directory: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'datapipe-image-suite-'))
    built = await sharedImage()
    image = built.tag
  }, 2_400_000)

  afterAll(async () => {
    await rm(directory, { recursive: true, force: true })
    await docker(['rmi', '--force', '--no-prune', ...broken, ...standIns, confluent])
  })

  test('weighs less than 450 MiB, and its parts are told', () => {
    expect(built.bytes).toBeLessThan(450 * 1024 * 1024)
    expect(built.parts.find(({ part }) => part === 'Java runtime')?.bytes).toBeGreaterThan(20_000_000)
    const sum = built.parts.reduce((total, { bytes }) => total + bytes, 0)
    expect(Math.abs(sum - built.bytes) / built.bytes).toBeLessThan(0.1)
  })

  test('a second build with a warm cache takes less than a minute', async () => {
    const answer = await datapipeJson(['image', '--tag', image])
    expect(resultOf<ImageResult>(answer)).toMatchObject({ id: built.id })
    expect(resultOf<ImageResult>(answer).seconds).toBeLessThan(60)
  })

  test('runs as uid 999, has labels, no HEALTHCHECK, and an entry point that passes signals on', async () => {
    const { stdout } = await docker(['image', 'inspect', '--format', '{{json .Config}}', image])
    const config = JSON.parse(stdout) as { User: string; Healthcheck?: unknown; Entrypoint: string[]; Labels: Record<string, string> }
    expect(config.User).toBe('999:999')
    expect(config.Healthcheck).toBeUndefined()
    expect(config.Entrypoint).toEqual(['tini', '--'])
    expect(config.Labels).toMatchObject({
      'org.opencontainers.image.title': 'datapipe-backup-tools',
      'org.opencontainers.image.licenses': 'Apache-2.0',
    })
    expect((await docker([...confined, image, 'id', '-u'])).stdout).toBe('999\n')
  })

  test('holds nothing of the host that built it', async () => {
    const { 'ca.crt': certificates = '', ...settings } = await hostSettings({})
    const script =
      'ls -d /host /root/.m2 /root/.npmrc /etc/pip.conf /etc/apt/apt.conf.d/*build-host* /usr/local/share/ca-certificates/* 2>/dev/null; cat /etc/ssl/certs/ca-certificates.crt'
    const { stdout } = await docker([...confined, '--user', '0', image, 'sh', '-c', script])
    expect(stdout.startsWith('-----BEGIN CERTIFICATE-----\n')).toBe(true)
    const bare = stdout.replace(/\s/g, '')
    for (const pem of certificates.match(/-----BEGIN[^-]*-----[^-]*/g) ?? []) expect(bare).not.toContain(pem.replace(/\s/g, ''))
    const { stdout: history } = await docker(['history', '--no-trunc', '--format', '{{.CreatedBy}}', image])
    for (const text of Object.values(settings)) expect(history).not.toContain(text)
    // Java's store is made from Debian's: as many certificates, and none of ours.
    const counted = await docker([
      ...confined,
      image,
      'sh',
      '-c',
      'grep -c BEGIN /etc/ssl/certs/ca-certificates.crt; wc -c </opt/java/lib/security/cacerts',
    ])
    const [count = 0, bytes = 0] = counted.stdout.trim().split('\n').map(Number)
    expect(count).toBeGreaterThan(100)
    expect(bytes).toBeGreaterThan(50_000)
  })

  // Line by line what the original document types.
  test.each([
    ['kafka-console-consumer', /^\d+\.\d+\.\d+/],
    ['kafka-topics', /^\d+\.\d+\.\d+/],
    ['kafka-avro-console-consumer', /\d+\.\d+\.\d+/],
    ['kafka-avro-console-producer', /\d+\.\d+\.\d+/],
    ['pg_dump', /^pg_dump \(PostgreSQL\) 17/],
    ['curl', /^curl \d/],
    ['jq', /^jq-\d/],
  ])('docker run --rm … %s --version', async (tool, says) => {
    const run = await docker(['run', '--rm', image, tool, '--version'])
    expect(run.exitCode, run.stderr).toBe(0)
    expect(run.stdout + run.stderr).toMatch(says)
  })

  test('every Kafka tool has both of its names', async () => {
    const script = 'for path in /opt/kafka/bin/kafka-*; do command -v "$(basename "$path")"; done | sort -u | wc -l'
    const names = readFileSync(join(root, 'src/image/recipe/kafka/launch'), 'utf8').match(/^ {2}kafka-[a-z-]+\)/gm) ?? []
    expect(names.length).toBeGreaterThan(30)
    expect((await docker([...confined, image, 'sh', '-c', script])).stdout.trim()).toBe(String(names.length * 2))
  })

  test('a program ends with docker stop: one that knows no signals, and the engine as process 1', async () => {
    for (const [options, command, exitCode] of [
      [[], ['sh', '-c', 'sleep 600'], 143],
      [['--entrypoint', 'datapipe'], ['tools'], 130],
    ] as const) {
      const { stdout } = await docker(['run', '--detach', ...options, image, ...command])
      const id = stdout.trim()
      try {
        // The engine takes the signal from the first line of its program on; until then Node ignores it, as every process 1 does.
        if (exitCode === 130) await untilLogged(id, 'start every tool')
        const stopped = await docker(['stop', '--time', '30', id])
        expect(stopped.seconds).toBeLessThan(25)
        expect((await docker(['inspect', '--format', '{{.State.ExitCode}}', id])).stdout.trim()).toBe(String(exitCode))
      } finally {
        await docker(['rm', '--force', id])
      }
    }
  })

  test('without servers: every tool starts and works on files, on a read-only root, without a network; the rest is not run', async () => {
    const { run, items } = await toolsOf(image, ['--network', 'none', '--memory', '512m'])
    expect(failures(items)).toEqual([])
    expect(run.exitCode).toBe(0)
    expect(rows(items, 'pass')).toEqual(
      expect.arrayContaining(['kafka-dump-log: reads a segment, zstd', 'pg_verifybackup: verifies the backup', 'jq: reads JSON']),
    )
    expect(rows(items, 'not run')).toHaveLength(22 - 1)
    expect(
      items.filter(({ verdict }) => verdict === 'not run').every(({ detail }) => detail === 'there is no datapipe.yaml that names servers'),
    ).toBe(true)
  })

  test('on real servers with TLS and passwords everywhere: every row passes, and nothing is left behind', async () => {
    const pipelineDirectory = join(directory, 'pipeline')
    await mkdir(pipelineDirectory)
    await using pipeline = await startSmallPipeline(pipelineDirectory, { secure: true })
    const config = pipeline.stack.config('file:///tmp/repository')
    const url = new URL(config.postgres?.url ?? '')
    const ca = url.searchParams.get('sslrootcert')
    await writeFile(join(directory, 'ca.pem'), ca === null ? '' : await readFile(ca))
    if (ca !== null) url.searchParams.set('sslrootcert', '/run/ca.pem')
    const inside = { ...config, postgres: { url: url.href } }
    await writeFile(join(directory, 'datapipe.yaml'), JSON.stringify(inside))
    await chmod(directory, 0o755)
    const mounts = ['--volume', `${directory}/datapipe.yaml:/datapipe/datapipe.yaml:ro`, '--volume', `${directory}/ca.pem:/run/ca.pem:ro`]
    const scratch = 'datapipe-tools-suite'
    const { run, items } = await toolsOf(image, ['--network', 'host', ...mounts], ['--scratch-topic', scratch])
    expect(failures(items)).toEqual([])
    expect(rows(items, 'not run')).toEqual([])
    expect(run.exitCode).toBe(0)
    // What a tool said is told, what it was let in with is not.
    for (const secret of [config.registry?.password, config.kafka?.sasl?.password, decodeURIComponent(url.password)]) {
      if (secret !== undefined && secret !== '') expect(run.stdout).not.toContain(secret)
    }
    const admin = pipeline.kafka.admin()
    await admin.connect()
    expect(await admin.listTopics()).not.toContain(scratch)
    await admin.disconnect()
    expect((await pipeline.registry('GET', '/subjects')).body).not.toContain(`${scratch}-value`)
  })

  test('a jar, a program and a package removed: exactly their rows turn red, with what was said', async () => {
    const tag = broken[0] ?? ''
    await derive(image, tag, 'rm -r /opt/kafka/libs/argparse4j-*.jar /usr/lib/postgresql/17/bin/pg_waldump /opt/datapipe/node_modules/pg')
    const { run, items } = await toolsOf(tag, ['--network', 'none'])
    expect(run.exitCode).toBe(20)
    // The tools that parse their arguments with it; and pg_verifybackup calls pg_waldump.
    const argparse = [
      'cluster',
      'features',
      'metadata-quorum',
      'producer-perf-test',
      'storage',
      'transactions',
      'verifiable-consumer',
      'verifiable-producer',
    ]
    expect(rows(items, 'fail').sort()).toEqual(
      [
        ...argparse.map((name) => `kafka-${name}: starts`),
        'package pg: loads',
        'pg_waldump: starts',
        'pg_waldump: reads its WAL',
        'pg_verifybackup: verifies the backup',
      ].sort(),
    )
    expect(failures(items)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^kafka-storage: starts: .*NoClassDefFoundError: net\/sourceforge\/argparse4j/s) as string,
        expect.stringMatching(/^pg_waldump: starts: cannot start pg_waldump/) as string,
        expect.stringMatching(/^package pg: loads: .*Cannot find package 'pg'/s) as string,
      ]),
    )
  })

  test('the Java runtime removed: every Kafka tool is red and says why, and everything else works', async () => {
    const tag = broken[1] ?? ''
    await derive(image, tag, 'rm -r /opt/java')
    const { run, items } = await toolsOf(tag, ['--network', 'none'])
    expect(run.exitCode).toBe(20)
    expect(items.filter(({ verdict }) => verdict === 'fail').every(({ part }) => part === 'kafka')).toBe(true)
    expect(items.filter(({ part, verdict }) => part === 'kafka' && verdict === 'pass')).toEqual([])
    expect(failures(items)[0]).toMatch(/\/opt\/java\/bin\/java: not found/)
  })

  /**
   * Confluent's images cannot be pulled everywhere, and are not here. Stand-ins of their shape show that the recipe copies what the
   * scripts want, and that its check refuses an image in which an Avro tool does not start; they show nothing of Confluent's jars.
   */
  test('the confluent target, on stand-ins: complete with what the Avro scripts need, refused without', async () => {
    for (const [index, tag] of standIns.entries()) expect((await docker(['build', '--tag', tag, '-'], standIn(index === 0))).exitCode).toBe(0)
    const build = (dockerfile: string) =>
      buildImage(
        {
          tag: confluent,
          dockerfile,
          target: 'confluent',
          hostDirectory: 'src/image/recipe/host',
          buildArgs: { CP_REGISTRY: 'datapipe-stand-in' },
          files: { 'src/image/recipe/confluent': join(root, 'src/image/recipe/confluent') },
        },
        silentContext(),
      )
    // The stages before it are the other image's: left out, since the legacy builder would build them again.
    const text = await readFile(join(root, 'Dockerfile.backup-tools'), 'utf8')
    const whole = `${text.slice(0, text.indexOf('FROM debian'))}${text.slice(text.indexOf('FROM $'), text.lastIndexOf('FROM tools'))}`
    await writeFile(join(directory, 'Dockerfile'), whole)
    await build(join(directory, 'Dockerfile'))
    expect((await docker(['run', '--rm', confluent, 'kafka-avro-console-consumer', '--version'])).stdout).toBe('7.4.0-stand-in\n')
    await writeFile(join(directory, 'Dockerfile.original'), whole.replace(/COPY.*(kafka-serde-tools|confluent-common|rest-utils).*\n/g, ''))
    await expect(build(join(directory, 'Dockerfile.original'))).rejects.toMatchObject({
      code: 'tool-failed',
      message: expect.stringContaining('kafka-avro-console-consumer does not start') as string,
    })
  })
})

async function untilLogged(id: string, words: string): Promise<void> {
  const { waitUntil } = await import('../src/base/wait-until.ts')
  const logs = async () => {
    const { stdout, stderr } = await docker(['logs', id])
    return stdout + stderr
  }
  await waitUntil(async () => (await logs()).includes(words), { what: `${words} in the log`, timeoutMs: 120_000, lastWords: logs })
}

/** An image of the shape of cp-kafka (with what microdnf would bring), or of cp-schema-registry. */
function standIn(isKafka: boolean): string {
  const script = (lines: string) => `printf '#!/bin/sh\\n${lines}\\n'`
  const programs =
    'kafka-console-consumer kafka-console-producer kafka-topics kafka-consumer-groups psql pg_dump pg_restore pg_basebackup pg_receivewal pg_verifybackup pg_waldump curl jq rpm microdnf'
  if (isKafka)
    return `FROM debian:trixie-slim\nRUN useradd appuser && for name in ${programs}; do ${script('echo stand-in')} >/usr/bin/$name && chmod 755 /usr/bin/$name; done\n`
  const libraries = ['kafka-serde-tools', 'confluent-common', 'rest-utils', 'schema-registry']
  const runClass = `for name in ${libraries.join(' ')}; do ls /usr/share/java/$name/*.jar >/dev/null || exit 1; done; ls /etc/schema-registry/log4j.properties >/dev/null || exit 1; echo 7.4.0-stand-in`
  return [
    'FROM debian:trixie-slim',
    `RUN for name in ${libraries.join(' ')}; do mkdir -p /usr/share/java/$name && touch /usr/share/java/$name/$name.jar; done; mkdir /etc/schema-registry && touch /etc/schema-registry/log4j.properties`,
    `RUN ${script(runClass)} >/usr/bin/schema-registry-run-class; for name in consumer producer; do ${script('exec $(dirname $0)/schema-registry-run-class kafka.tools "$@"')} >/usr/bin/kafka-avro-console-$name; done; chmod 755 /usr/bin/schema-registry-run-class /usr/bin/kafka-avro-console-*`,
    '',
  ].join('\n')
}
