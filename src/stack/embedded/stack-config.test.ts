import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parse } from 'yaml'
import { silentContext } from '../../base/context.ts'
import { configSchema } from '../../base/config.ts'
import { addConnectorSecret, writeConnectorSecrets } from './connector-secrets.ts'
import type { Run } from './run.ts'
import { stackConfig, stackConfigText } from './stack-config.ts'

let run: Run
beforeEach(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'datapipe-config-'))
  await mkdir(join(directory, 'secrets'))
  await writeFile(join(directory, 'secrets', 'postgres'), 'pg-secret\n')
  await writeFile(join(directory, 'secrets', 'registry'), 'registry-secret\n')
  const ports = { postgres: 21001, kafka: 21002, kafkaController: 21003, registry: 21004, registryManagement: 21005, connect: 21006 }
  const state = {
    format: 1 as const,
    id: 'x',
    host: '',
    createdAt: '',
    owner: null,
    programs: { postgresBin: '/usr/lib/postgresql/17/bin' },
    versions: {},
    ports,
  }
  run = { directory, context: silentContext(), state: { ...state, components: ['postgres', 'kafka', 'registry', 'connect'] } }
})
afterEach(() => rm(run.directory, { recursive: true }))

test('the configuration of a stack is a valid one with its ports and secrets', () => {
  const config = stackConfig(run, 'file:///backups')
  expect(config.postgres?.url).toBe('postgres://datapipe:pg-secret@127.0.0.1:21001/postgres')
  expect(config.kafka?.bootstrapServers).toEqual(['127.0.0.1:21002'])
  expect(config.registry).toMatchObject({ url: 'http://127.0.0.1:21004', username: 'admin', password: 'registry-secret' })
  expect(config.connect?.url).toBe('http://127.0.0.1:21006')
})

test('a stack of one component configures that one alone', () => {
  const config = stackConfig({ ...run, state: { ...run.state, components: ['kafka'] } }, 'file:///backups')
  expect(Object.keys(config)).toEqual(['repository', 'kafka'])
})

test('the printed datapipe.yaml holds no secret, and is valid once its references are replaced', async () => {
  const text = stackConfigText(run, 'file:///backups')
  expect(text).not.toMatch(/pg-secret|registry-secret/)
  const resolved = text.replaceAll(/\$\{file:([^}]+)\}/g, 'x').replaceAll(/password: file:(\S+)/g, 'password: y')
  expect(configSchema.safeParse(parse(resolved)).success).toBe(true)
})

test('a secret for connectors is kept in a private file and replaced under the same key', async () => {
  await writeConnectorSecrets(run)
  const reference = await addConnectorSecret(run, 'sink.password', 'a\\b=c')
  await addConnectorSecret(run, 'sink.password', 'again')
  const path = join(run.directory, 'secrets', 'connect.properties')
  expect(reference).toBe(`\${file:${path}:sink.password}`)
  expect(await readFile(path, 'utf8')).toBe('postgres.password=pg-secret\nregistry.password=registry-secret\nsink.password=again\n')
  expect((await stat(path)).mode & 0o077).toBe(0)
})

test('a secret of several lines is refused: it would become several keys', async () => {
  await writeConnectorSecrets(run)
  await expect(addConnectorSecret(run, 'key', 'one\ntwo=2')).rejects.toMatchObject({ code: 'usage' })
})
