import { expect, test } from 'vitest'
import { parseArguments, takeCompat, withDefaultRegistry } from './arguments.ts'
import { kafkaSettings, parseJaas } from './kafka-settings.ts'
import { parseProperties } from './properties.ts'

test('a properties file is read as Java reads it', () => {
  const text = '# comment\n! another\n\n  key.separator=\\t|\\u0041\na : b\nlong = one\\\n   two\nempty\n key\\ with\\=signs x\n'
  expect([...parseProperties(Buffer.from(text, 'latin1'))]).toEqual([
    ['key.separator', '\t|A'],
    ['a', 'b'],
    ['long', 'onetwo'],
    ['empty', ''],
    ['key with=signs', 'x'],
  ])
})

const table = { topic: 'required', property: 'required', from: 'none', codec: 'optional' } as const

test('options are read as joptsimple reads them', () => {
  const given = parseArguments(['--topic=a=b', '-property', '--from', '--property', 'x', '--codec', '--from', 'stray', '--', '--topic'], table)
  expect(given.value('topic')).toBe('a=b')
  expect(given.values('property')).toEqual(['--from', 'x'])
  expect([given.has('codec'), given.value('codec'), given.has('from')]).toEqual([true, undefined, true])
  expect(given.rest).toEqual(['stray', '--topic'])
})

test.each([
  [['--nope', 'x'], 'nope is not a recognized option'],
  [['--top', 'x'], 'top is not a recognized option'],
  [['--topic'], 'Option topic requires an argument'],
])('%j is refused', (args, message) => {
  expect(() => parseArguments(args, table)).toThrow(message)
})

test('two values where one is wanted, and a word that is no number, are errors that name the option', () => {
  expect(() => parseArguments(['--topic', 'a', '--topic', 'b'], table).value('topic')).toThrow('Found multiple arguments for option topic')
  expect(() => parseArguments(['--topic', 'x'], table).integer('topic')).toThrow("Cannot parse argument 'x' of option topic")
})

test('the default registry is added unless a word of its own names one', () => {
  expect(withDefaultRegistry(['--property', 'schema.registry.url=http://r'])).toHaveLength(2)
  expect(withDefaultRegistry(['--property=schema.registry.url=http://r']).slice(0, 2)).toEqual([
    '--property',
    'schema.registry.url=http://localhost:8081',
  ])
})

test('the manner comes from the flag before the environment, and a wrong one is refused', () => {
  expect(takeCompat(['--compat', 'safe', '--topic', 't'], { DATAPIPE_AVRO_COMPAT: 'strict' })).toEqual({ compat: 'safe', args: ['--topic', 't'] })
  expect(takeCompat([], { DATAPIPE_AVRO_COMPAT: 'strict' }).compat).toBe('strict')
  expect(() => takeCompat(['--compat=loose'], {})).toThrow('--compat must be strict or safe, not loose')
})

test('a JAAS entry gives user and password, escapes undone, and its text never reaches a message', () => {
  const module = 'org.apache.kafka.common.security.scram.ScramLoginModule'
  expect(parseJaas(`${module} required username="al ice" password="p\\"w;x" ;`)).toEqual({ module, username: 'al ice', password: 'p"w;x' })
  expect(parseJaas(`${module} required username=alice password='secret';`)).toMatchObject({ username: 'alice', password: 'secret' })
  expect(() => parseJaas('nonsense secret')).toThrow(/^(?!.*secret)/)
})

const settings = (properties: Record<string, string>) =>
  kafkaSettings(new Map(Object.entries({ 'bootstrap.servers': 'k:9092', ...properties })), 'me')

test('SASL over TLS out of Java properties', async () => {
  const login = 'x.ScramLoginModule required username="u" password="p";'
  const ca = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----'
  expect(
    await settings({
      'security.protocol': 'SASL_SSL',
      'sasl.mechanism': 'SCRAM-SHA-512',
      'sasl.jaas.config': login,
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.certificates': ca,
      'ssl.endpoint.identification.algorithm': '',
    }),
  ).toMatchObject({ sasl: { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'p' }, tls: { ca, checkHost: false }, clientId: 'me' })
})

test.each([
  [{ 'bootstrap.servers': '127.0.0.1' }, 'Invalid url in bootstrap.servers: 127.0.0.1'],
  [{ 'security.protocol': 'SASL_PLAINTEXT' }, 'sasl.mechanism=GSSAPI is not supported'],
  [{ 'interceptor.classes': 'x.Y' }, 'interceptor.classes=x.Y is not supported'],
  [
    { 'security.protocol': 'SSL', 'ssl.truststore.location': new URL('./tool-failure.ts', import.meta.url).pathname },
    'ssl.truststore.type=JKS is not supported',
  ],
])('%j is refused by name', async (properties, message) => {
  await expect(settings(properties as Record<string, string>)).rejects.toThrow(message)
})
