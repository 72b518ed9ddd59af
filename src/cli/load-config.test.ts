import { describe, expect, test } from 'vitest'
import { loadConfig } from './load-config.ts'
import { nearest } from './nearest.ts'
import { inDirectory, loadConfigText } from './test-cli.ts'

const repository = 'repository: { url: "file:///r" }\n'

test('references: environment, files, escapes, and file: as a whole secret', async () => {
  const { config, secrets } = await loadConfigText(
    `${repository}
registry: { url: "http://\${REGISTRY_HOST}:8081", username: "$\${u}", password: "file:secret" }
connect: { url: "http://c:8083", username: a, password: "\${file:secret}-\${SUFFIX}" }`,
    { files: { secret: 's3cr3t line\n' }, env: { REGISTRY_HOST: 'reg.example', SUFFIX: 'x' } },
  )
  expect(config.registry).toMatchObject({ url: 'http://reg.example:8081', username: `\${u}`, password: 's3cr3t line' })
  expect(config.connect?.password).toBe('s3cr3t line-x')
  expect(secrets).toEqual(expect.arrayContaining(['s3cr3t line', 's3cr3t line-x', Buffer.from('a:s3cr3t line-x').toString('base64')]))
})

test.each([
  ['p@ss/w#rd?', 'p%40ss%2Fw%23rd%3F'],
  ['already%40encoded', 'already%40encoded'],
  ['plain', 'plain'],
])('a password %s in a URL arrives as %s', async (password, expected) => {
  const yaml = `${repository}postgres: { url: "postgres://\${file:./user}:\${file:./password}@db:5432/app" }`
  const { config, secrets } = await loadConfigText(yaml, { files: { user: 'me', password } })
  expect(config.postgres?.url).toBe(`postgres://me:${expected}@db:5432/app`)
  expect(secrets).toContain(password)
  expect(secrets).toContain(decodeURIComponent(expected))
})

test('a whole URL from the environment is taken as it is', async () => {
  const { config } = await loadConfigText(`${repository}postgres: { url: "\${DATABASE_URL}" }`, { env: { DATABASE_URL: 'postgres://u:p@h/d' } })
  expect(config.postgres?.url).toBe('postgres://u:p@h/d')
})

test('relative paths start at the directory of the file', async () => {
  await inDirectory(
    { 'datapipe.yaml': `${repository}postgres: { url: "postgres://h/d", dataDirectory: data, archive: { mode: directory, path: ../wal } }` },
    async (directory) => {
      const { config } = await loadConfig(`${directory}/datapipe.yaml`, {})
      expect(config.postgres?.dataDirectory).toBe(`${directory}/data`)
      expect(config.postgres?.archive).toEqual({ mode: 'directory', path: `${directory}/../wal`.replace(/[^/]+\/\.\.\//, '') })
    },
  )
})

describe('faults, each with the path to its key', () => {
  const cases: [string, string, { message: string | RegExp; hint?: string; path?: RegExp }][] = [
    [
      'a misspelt key',
      `${repository}kafka: { bootstrapServers: ["k:9092"], topcis: {} }`,
      { message: 'kafka.topcis: unknown key, did you mean topics?', hint: 'did you mean topics?', path: /datapipe\.yaml: kafka\.topcis$/ },
    ],
    [
      'a misspelt key deeper down',
      `${repository}kafka: { bootstrapServers: ["k:9092"], topics: { includes: [a] } }`,
      { message: 'kafka.topics.includes: unknown key, did you mean include?' },
    ],
    [
      'a key of the other archive mode',
      `${repository}postgres: { url: "postgres://h/d", archive: { mode: receive, pth: x } }`,
      { message: 'postgres.archive.pth: unknown key, did you mean path?' },
    ],
    [
      'a key that resembles none',
      `${repository}monitoring: true`,
      { message: /^monitoring: unknown key; known are repository, postgres, kafka, registry, connect$/ },
    ],
    ['a missing section', 'kafka: { bootstrapServers: ["k:9092"] }', { message: 'repository: is missing' }],
    ['a missing key', `${repository}registry: {}`, { message: 'registry.url: is missing' }],
    ['a wrong form', `${repository}kafka: { bootstrapServers: ["k"] }`, { message: 'kafka.bootstrapServers.0: must be host:port' }],
    ['a repository elsewhere', 'repository: { url: "s3://b/p" }', { message: 'repository.url: must be a file:// URL' }],
    ['an empty file', '', { message: 'repository: is missing' }],
    ['an unset variable', `repository: { url: "file://\${NOWHERE}" }`, { message: 'repository.url: the environment variable NOWHERE is not set' }],
    ['no name of a variable', `repository: { url: "file:///\${a b}" }`, { message: /is not the name of an environment variable/ }],
    [
      'a missing file',
      `${repository}registry: { url: "http://r", password: "file:gone" }`,
      { message: /^registry\.password refers to a file that cannot be read: .*gone/ },
    ],
    ['broken YAML', 'repository: { url: "x"', { message: /datapipe\.yaml is not YAML: .* at line 1, column \d+/ }],
    ['a key twice', `${repository}${repository}`, { message: /is not YAML: Map keys must be unique/ }],
  ]
  test.each(cases)('%s', async (_what, yaml, { message, hint, path }) => {
    const error = await loadConfigText(yaml).catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      code: 'config-invalid',
      exitCode: 64,
      message: typeof message === 'string' ? message : expect.stringMatching(message),
      ...(hint === undefined ? {} : { hint }),
      ...(path === undefined ? {} : { path: expect.stringMatching(path) }),
    })
  })

  test('several faults are all named', async () => {
    const error = await loadConfigText(`${repository}kafka: { bootstrapServers: [], topcis: {} }\nregistry: { url: "nonsense" }`).catch(
      (reason: unknown) => reason,
    )
    expect(String(error)).toContain('3 faults in ')
    for (const key of ['kafka.bootstrapServers: ', 'kafka.topcis: unknown key', 'registry.url: ']) expect(String(error)).toContain(`\n  ${key}`)
  })

  test('broken YAML does not quote the file, which may hold secrets', async () => {
    const error = await loadConfigText('registry:\n  password: hunter2secret: x\n').catch((reason: unknown) => reason)
    expect(String(error)).toContain('is not YAML')
    expect(String(error)).not.toContain('hunter2')
  })

  test('no file at all', async () => {
    await expect(loadConfig('/nowhere/datapipe.yaml', {})).rejects.toMatchObject({ code: 'config-invalid', path: '/nowhere/datapipe.yaml' })
  })
})

test.each([
  ['topcis', 'topics'],
  ['bootstrapserver', 'bootstrapServers'],
  ['passwrod', 'password'],
  ['zebra', undefined],
])('%s was probably %s', (typed, expected) => {
  expect(nearest(typed, ['topics', 'bootstrapServers', 'password', 'url'])).toBe(expected)
})

test('certificates of a PostgreSQL URL start at the directory of the file too', async () => {
  await inDirectory(
    {
      'datapipe.yaml': `${repository}postgres: { url: "postgres://u:p@h/d?sslmode=verify-full&sslrootcert=secrets/ca.pem&sslkey=/abs/k&application_name=a" }`,
    },
    async (directory) => {
      const { config } = await loadConfig(`${directory}/datapipe.yaml`, {})
      const parameters = new URL(config.postgres?.url ?? '').searchParams
      expect(parameters.get('sslrootcert')).toBe(`${directory}/secrets/ca.pem`)
      expect(parameters.get('sslkey')).toBe('/abs/k')
      expect(parameters.get('application_name')).toBe('a')
    },
  )
})
