import { expect, test } from 'vitest'
import { connectConfigSchema } from '../../base/config.ts'
import { withPlaceholders } from '../../components/connect/secrets.ts'
import { refuseSecretsInClear } from './secrets-in-clear.ts'

const connect = (more: object = {}) => connectConfigSchema.parse({ url: 'http://connect:8083', ...more })
const clear = {
  name: 'shop',
  config: withPlaceholders('shop', { 'database.password': 'hunter2', 'a.token': 'x', host: 'db' }, ['database.password', 'a.token']),
}
const byReference = { name: 'stock', config: { 'database.password': `\${file:/run/secrets:db}` } }

test('secrets in clear are refused, every connector and key by name, no value', () => {
  const refuse = () =>
    refuseSecretsInClear({ connectors: [byReference, clear, { ...clear, name: 'more' }], topics: ['a', 'connect-configs'], connect: connect() })
  expect(refuse).toThrow(
    expect.objectContaining({
      code: 'secret-in-clear',
      path: 'connect/shop',
      message: 'topic connect-configs holds in clear: a.token, database.password of connector shop; a.token, database.password of connector more',
    }),
  )
})

test.each<[string, Parameters<typeof refuseSecretsInClear>[0]]>([
  ['references only', { connectors: [byReference], topics: ['connect-configs'], connect: connect() }],
  ['the topic is left out', { connectors: [clear], topics: ['a'], connect: connect() }],
  ['the topic has another name', { connectors: [clear], topics: ['connect-configs'], connect: connect({ configTopic: 'configs' }) }],
  ['datapipe.yaml accepts it', { connectors: [clear], topics: ['connect-configs'], connect: connect({ secretsInClear: 'keep' }) }],
])('%s: no refusal', (_title, options) => {
  expect(() => refuseSecretsInClear(options)).not.toThrow()
})
