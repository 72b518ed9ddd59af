import { readFile, stat } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { kafkaConfigSchema, registryConfigSchema } from '../../base/config.ts'
import { bareUrl, clientFiles } from './client-files.ts'

test('Kafka’s tools get mechanism, login and certificates in one file that others cannot read, odd characters escaped', async () => {
  await using files = await clientFiles()
  const config = kafkaConfigSchema.parse({
    bootstrapServers: ['k:1'],
    sasl: { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'a"b\\c' },
    tls: { ca: 'LINE 1\nLINE 2\n' },
  })
  const path = await files.kafka(config)
  expect(await readFile(path, 'utf8')).toBe(
    [
      'security.protocol=SASL_SSL',
      'sasl.mechanism=SCRAM-SHA-512',
      'sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password="a\\\\"b\\\\\\\\c";',
      'ssl.truststore.type=PEM',
      'ssl.truststore.certificates=LINE 1\\nLINE 2\\n',
      '',
    ].join('\n'),
  )
  expect((await stat(path)).mode & 0o777).toBe(0o600)
})

test('without login and certificates the brokers are spoken to in plain text', async () => {
  await using files = await clientFiles()
  const path = await files.kafka(kafkaConfigSchema.parse({ bootstrapServers: ['k:1'] }))
  expect(await readFile(path, 'utf8')).toBe('security.protocol=PLAINTEXT\n')
})

test('the registry’s login comes from the section or from its URL, and never stays in the URL', async () => {
  await using files = await clientFiles()
  const inUrl = registryConfigSchema.parse({ url: 'http://me:p%40ss@r:8081/' })
  expect(bareUrl(inUrl.url)).toBe('http://r:8081')
  expect(await readFile(await files.serializer(inUrl), 'utf8')).toBe('basic.auth.credentials.source=USER_INFO\nbasic.auth.user.info=me:p@ss\n')
  const apart = registryConfigSchema.parse({ url: 'https://r', username: 'me', password: 'q"', tls: { ca: 'PEM' } })
  expect(await readFile(await files.curl(apart, ['silent']), 'utf8')).toMatch(/^user = "me:q\\""\ncacert = ".*ca\.pem"\nsilent\n$/)
})
