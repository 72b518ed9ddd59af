import { X509Certificate } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentContext } from '../../base/context.ts'
import type { Run } from './run.ts'
import { createRunDirectory, serverSecrets, sharedSecrets } from './run-directory.ts'
import { assertSecurable, kafkaSecurity, kafkaServerSettings, prepareSecurity, privateMounts, trust } from './security.ts'

let temporary: string
const before = process.env.TMPDIR

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'datapipe-security-'))
  process.env.TMPDIR = temporary
})
afterEach(async () => {
  if (before === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = before
  await rm(temporary, { recursive: true, force: true })
})

async function makeRun(secure: boolean): Promise<Run> {
  const state: Run['state'] = {
    format: 1,
    id: 'tested',
    host: 'here',
    createdAt: '2026-01-01T00:00:00.000Z',
    owner: { pid: process.pid, startTime: '1' },
    profile: 'local',
    versions: {},
    images: { postgres: 'p', kafka: 'k', registry: 'r', connect: 'c' },
    registryKind: 'apicurio',
    secure,
    ports: { postgres: 1, kafka: 2, registry: 3, connect: 4 },
  }
  return { directory: await createRunDirectory(state), state, context: silentContext() }
}

test('each server has a certificate for its own name and this machine, and a key of its own that is in no other place', async () => {
  const run = await makeRun(true)
  await prepareSecurity(run)
  const ca = new X509Certificate(await readFile(join(sharedSecrets(run.directory), 'ca.pem')))
  const keys = new Set<string>()
  for (const server of ['kafka', 'registry', 'postgres'] as const) {
    const directory = serverSecrets(run.directory, server)
    const certificate = new X509Certificate(await readFile(join(directory, 'server.crt')))
    expect(certificate.verify(ca.publicKey)).toBe(true)
    expect(certificate.subjectAltName).toBe(`DNS:${server}, IP Address:127.0.0.1`)
    keys.add(await readFile(join(directory, 'server.key'), 'utf8'))
    // Root gives the key to the server's user; anybody else's directory is closed to others.
    if (process.getuid?.() === 0) expect((await stat(join(directory, 'server.key'))).mode & 0o777).toBe(0o600)
  }
  expect(keys.size).toBe(3)
  expect((await stat(join(run.directory, 'secrets'))).mode & 0o777).toBe(0o700)
  expect((await readdir(sharedSecrets(run.directory))).sort()).toEqual([
    'ca.pem',
    'connect.properties',
    'kafka',
    'kafka-client.properties',
    'postgres',
    'registry',
  ])
})

test('the broker is told of its users by a file, and its own password is in nothing that others see', async () => {
  const run = await makeRun(true)
  await prepareSecurity(run)
  const own = (await readFile(join(run.directory, 'secrets', 'kafka-broker'), 'utf8')).trim()
  expect(await readFile(join(serverSecrets(run.directory, 'kafka'), 'scram-users'), 'utf8')).toContain(`[name=broker,password=${own}]`)
  expect(kafkaServerSettings(run).SCRAM_USERS_FILE).toBe('/datapipe/private/scram-users')
  for (const file of await readdir(sharedSecrets(run.directory))) {
    expect(await readFile(join(sharedSecrets(run.directory), file), 'utf8')).not.toContain(own)
  }
  expect(JSON.stringify(kafkaSecurity(run, 'reference'))).toBe(
    '{"sasl":{"mechanism":"SCRAM-SHA-512","username":"datapipe","password":"file:/datapipe/secrets/kafka"},"tls":{"ca":"file:/datapipe/secrets/ca.pem"}}',
  )
})

test('a plain stack gets none of it', async () => {
  const run = await makeRun(false)
  expect([kafkaServerSettings(run), kafkaSecurity(run, 'text'), trust(run, 'text'), privateMounts(run, 'kafka')]).toEqual([{}, {}, {}, []])
})

test.each([
  ['local', '3.5.0', true],
  ['local', '4.3.1', true],
  ['local', '3.4.1', false],
  ['official', '4.3.1', false],
] as const)('images of the %s profile with Kafka %s can be secure: %s', (profile, kafka, can) => {
  const asked = () => assertSecurable(profile, { kafka })
  if (can) expect(asked).not.toThrow()
  else expect(asked).toThrow(expect.objectContaining({ code: 'usage' }))
})
